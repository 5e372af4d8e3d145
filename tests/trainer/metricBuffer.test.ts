import { expect, it } from 'vitest';
import type { RunProgress } from '#shared/domain/metric.ts';
import type { TrainerMessage } from '#shared/protocol.ts';
import { createMetricBuffer } from '#trainer/metricBuffer.ts';

const progress: RunProgress = {
  step: 1,
  totalSteps: 2,
  epoch: 0.5,
  trainLoss: null,
  validationLoss: null,
  validationAccuracy: null,
  samplesPerSecond: null,
  secondsLeft: null,
  residentMemoryBytes: null,
  tensorCount: null,
};

it('sends all points, at most ten messages a second unless it is told to', () => {
  const sent: TrainerMessage[] = [];
  let now = 0;
  const buffer = createMetricBuffer(
    (message) => sent.push(message),
    () => now,
  );
  for (const [time, step] of [
    [0, 1],
    [40, 2],
    [99, 3],
    [100, 4],
    [150, 5],
  ] as const) {
    now = time;
    buffer.add('train/loss', step, step / 10);
    if (step === 4) buffer.add('gap/loss', step, -1);
    buffer.offer(() => progress);
  }
  buffer.flush(progress);
  const points = (steps: number[], values: number[]): object => ({
    steps: Float64Array.from(steps),
    values: Float64Array.from(values),
  });
  expect(sent).toEqual([
    { type: 'metrics', progress, series: { 'train/loss': points([1], [0.1]) } },
    {
      type: 'metrics',
      progress,
      series: { 'train/loss': points([2, 3, 4], [0.2, 0.3, 0.4]), 'gap/loss': points([4], [-1]) },
    },
    { type: 'metrics', progress, series: { 'train/loss': points([5], [0.5]) } },
  ]);
});
