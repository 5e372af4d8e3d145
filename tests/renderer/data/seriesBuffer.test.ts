import { describe, expect, it } from 'vitest';
import type { SeriesSlice } from '#shared/contract.ts';
import { SeriesBuffer } from '../../../src/renderer/data/seriesBuffer.ts';

function slice(part: Partial<SeriesSlice>): SeriesSlice {
  return {
    runId: 'run',
    series: 'train/loss',
    metricsRevision: 0,
    replace: false,
    pointsPerBucket: 1,
    completeThrough: -1,
    steps: [],
    values: [],
    ...part,
  };
}

const content = (buffer: SeriesBuffer): unknown => ({
  steps: [...buffer.steps],
  values: [...buffer.values],
  minimum: buffer.minimum && [...buffer.minimum],
  maximum: buffer.maximum && [...buffer.maximum],
});

const damage = { code: 'labDamaged', message: 'A hole.', hint: 'Put a backup in place.' } as const;

describe('SeriesBuffer', () => {
  it('knows what cannot be read, until it is told otherwise of the whole', () => {
    const buffer = new SeriesBuffer();
    expect(buffer.apply(slice({ steps: [1, 2], values: [3, null], completeThrough: 2, error: damage }), -1)).toBe(true);
    expect(buffer.error).toEqual(damage);
    // What came after the hole is whole.
    expect(buffer.apply(slice({ steps: [3], values: [1], completeThrough: 3 }), 2)).toBe(true);
    expect(buffer.error).toEqual(damage);
    buffer.apply(slice({ replace: true, metricsRevision: 1, steps: [1], values: [3] }), -1);
    expect(buffer.error).toBeNull();
    expect(buffer.apply(slice({ metricsRevision: 1, error: damage }), 1)).toBe(true);
  });

  it('appends what came after', () => {
    const buffer = new SeriesBuffer();
    buffer.apply(slice({ steps: [1, 2], values: [3, 2], completeThrough: 2 }), -1);
    buffer.apply(slice({ steps: [3], values: [1], completeThrough: 3 }), 2);
    expect(content(buffer)).toEqual({ steps: [1, 2, 3], values: [3, 2, 1], minimum: null, maximum: null });
    expect(buffer.completeThrough).toBe(3);
  });

  it('replaces the bucket that was not full yet', () => {
    const buffer = new SeriesBuffer();
    buffer.apply(
      slice({
        pointsPerBucket: 2,
        replace: true,
        steps: [2, 3],
        values: [1.5, 3],
        minimum: [1, 3],
        maximum: [2, 3],
        completeThrough: 2,
      }),
      -1,
    );
    buffer.apply(
      slice({
        pointsPerBucket: 2,
        steps: [4, 5],
        values: [3.5, 5],
        minimum: [3, 5],
        maximum: [4, 5],
        completeThrough: 4,
      }),
      2,
    );
    expect(content(buffer)).toEqual({
      steps: [2, 4, 5],
      values: [1.5, 3.5, 5],
      minimum: [1, 3, 5],
      maximum: [2, 4, 5],
    });
  });

  it('drops everything where the lab says so', () => {
    const buffer = new SeriesBuffer();
    buffer.apply(slice({ steps: [1, 2, 3], values: [9, 9, 9], completeThrough: 3 }), -1);
    buffer.apply(slice({ replace: true, metricsRevision: 1, steps: [1], values: [4], completeThrough: 1 }), 3);
    expect(content(buffer)).toEqual({ steps: [1], values: [4], minimum: null, maximum: null });
    expect(buffer.metricsRevision).toBe(1);
  });

  it('holds values that are not finite as NaN', () => {
    const buffer = new SeriesBuffer();
    buffer.apply(slice({ steps: [1, 2], values: [3, null] }), -1);
    expect([...buffer.values]).toEqual([3, Number.NaN]);
  });

  it('says whether anything changed, and keeps its content while growing', () => {
    const buffer = new SeriesBuffer();
    expect(buffer.apply(slice({}), -1)).toBe(false);
    for (let step = 1; step <= 1000; step += 1) {
      expect(buffer.apply(slice({ steps: [step], values: [step], completeThrough: step }), step - 1)).toBe(true);
    }
    expect([...buffer.steps]).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
    expect([...buffer.values]).toEqual([...buffer.steps]);
  });
});
