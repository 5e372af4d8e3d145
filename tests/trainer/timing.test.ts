import { describe, expect, it } from 'vitest';
import { createTiming } from '#trainer/timing.ts';

describe('createTiming', () => {
  it('knows nothing before the first step', () => {
    const timing = createTiming(64, 1000);
    expect(timing.samplesPerSecond()).toBeNull();
    expect(timing.medianSamplesPerSecond()).toBeNull();
    expect(timing.secondsLeft({ steps: 10, evaluations: 1, diagnostics: 0, checkpoints: 1 })).toBeNull();
  });

  it('leaves the first step out as soon as there is another: it compiles', () => {
    const timing = createTiming(64, 1000);
    timing.addStep(10);
    expect(timing.samplesPerSecond()).toBe(6.4);
    for (const seconds of [1, 2, 4]) timing.addStep(seconds);
    expect(timing.samplesPerSecond()).toBe(32);
    expect(timing.medianSamplesPerSecond()).toBe(32);
  });

  it('follows the machine: the time left counts the recent 50 steps, the summary all', () => {
    const timing = createTiming(1, 1000);
    for (let step = 0; step < 101; step++) timing.addStep(1);
    for (let step = 0; step < 50; step++) timing.addStep(4);
    expect(timing.samplesPerSecond()).toBe(0.25);
    expect(timing.medianSamplesPerSecond()).toBe(1);
  });

  it('counts evaluations and checkpoints into the time left', () => {
    const timing = createTiming(10, 60);
    timing.addStep(1);
    timing.addStep(1);
    // Before any was timed: 60 images at a third of the 0.1 s of training on one.
    expect(timing.secondsLeft({ steps: 5, evaluations: 2, diagnostics: 0, checkpoints: 3 })).toBeCloseTo(5 + 2 * 2, 12);
    timing.addEvaluation(3);
    timing.addCheckpoint(0.5);
    expect(timing.secondsLeft({ steps: 5, evaluations: 2, diagnostics: 0, checkpoints: 3 })).toBe(5 + 2 * 3 + 3 * 0.5);
  });
});
