import { expect, it } from 'vitest';
import { bucketsOfPoints, mergeBuckets } from '#shared/statistics/downsample.ts';
import {
  DamagedChunkError,
  decodeBuckets,
  decodePoints,
  encodeBuckets,
  encodePoints,
  type MetricChunk,
} from '#main/store/metricChunk.ts';

const series = { runId: 'run', name: 'train/loss' };

// Python:
//   payload = struct.pack('<5d', 1, 10, 5, 0.5, float('inf'))
//   zlib.crc32(payload, zlib.crc32(b'["run","train/loss"] 0 3 2 10 15'))
const knownPayload = '000000000000f03f00000000000024400000000000001440000000000000e03f000000000000f07f';
const knownChecksum = 593150321;

it('writes the bytes of its format on every machine', () => {
  const chunk = encodePoints(series, 3, { steps: Float64Array.of(10, 15), values: Float64Array.of(0.5, Infinity) });
  expect({ ...chunk, payload: chunk.payload.toString('hex') }).toEqual({
    level: 0,
    ordinal: 3,
    entryCount: 2,
    firstStep: 10,
    lastStep: 15,
    payload: knownPayload,
    checksum: knownChecksum,
  });
});

it.each([
  ['one point', [7]],
  ['evenly spaced steps', [2, 5, 8, 11]],
  ['other steps', [2, 5, 8, 12, 9_007_199_254_740_991]],
])('gives back %s', (_name, steps) => {
  const points = { steps: Float64Array.from(steps), values: Float64Array.from(steps, (step) => Math.sqrt(step) - NaN) };
  points.values[0] = -0;
  expect(decodePoints(series, encodePoints(series, 0, points), steps.length)).toEqual(points);
});

it('gives back buckets', () => {
  const points = { steps: Float64Array.from({ length: 64 }, (_, index) => index), values: new Float64Array(64) };
  points.values.fill(NaN, 0, 20).fill(3, 30);
  const buckets = mergeBuckets(bucketsOfPoints(points), 8);
  expect(decodeBuckets(series, encodeBuckets(series, 1, 0, buckets), 8)).toEqual(buckets);
});

it('notices every change of a row', () => {
  const points = { steps: Float64Array.of(1, 2, 3), values: Float64Array.of(1, 2, 3) };
  const chunk = encodePoints(series, 2, points);
  const flipped = Buffer.from(chunk.payload);
  flipped[47] = (flipped[47] ?? 0) ^ 1;
  const changes: Partial<MetricChunk>[] = [
    { payload: flipped },
    { payload: chunk.payload.subarray(0, 40) },
    { ordinal: 1 },
    { firstStep: 0 },
    { lastStep: 4 },
    { entryCount: 4 },
    { checksum: chunk.checksum - 1 },
  ];
  for (const change of changes) {
    expect(() => decodePoints(series, { ...chunk, ...change }, change.entryCount ?? 3)).toThrow(DamagedChunkError);
  }
  expect(() => decodePoints(series, chunk, 2)).toThrow(DamagedChunkError);
  expect(() => decodeBuckets(series, chunk, 3)).toThrow(DamagedChunkError);
});
