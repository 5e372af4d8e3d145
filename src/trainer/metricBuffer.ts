import type { RunProgress } from '#shared/domain/metric.ts';
import type { TrainerMessage } from '#shared/protocol.ts';

export type SendMessage = (message: TrainerMessage) => void;

/** Shortest time between two messages with metrics. */
const messageIntervalMs = 100;

/** Gathers points and sends them in batches, so that no step waits for main. */
export interface MetricBuffer {
  add(series: string, step: number, value: number): void;
  /** Sends what was gathered, where the last message is long enough ago. */
  offer(progress: () => RunProgress): void;
  /** Sends what was gathered now: before a message that tells main it has all points up to a step. */
  flush(progress: RunProgress): void;
}

export function createMetricBuffer(send: SendMessage, now: () => number = () => performance.now()): MetricBuffer {
  let points = new Map<string, { steps: number[]; values: number[] }>();
  let lastSentAt = -Infinity;
  const flush = (progress: RunProgress): void => {
    const series = Object.fromEntries(
      [...points].map(([name, { steps, values }]) => [
        name,
        { steps: Float64Array.from(steps), values: Float64Array.from(values) },
      ]),
    );
    points = new Map();
    lastSentAt = now();
    send({ type: 'metrics', series, progress });
  };
  return {
    add(series, step, value) {
      const gathered = points.get(series) ?? { steps: [], values: [] };
      gathered.steps.push(step);
      gathered.values.push(value);
      points.set(series, gathered);
    },
    offer(progress) {
      if (now() - lastSentAt >= messageIntervalMs) flush(progress());
    },
    flush,
  };
}
