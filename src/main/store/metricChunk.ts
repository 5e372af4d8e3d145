import { crc32 } from 'node:zlib';
import type { SeriesPoints } from '#shared/domain/metric.ts';
import { createBuckets, type Buckets } from '#shared/statistics/downsample.ts';

/** Points of a full chunk of level 0. */
export const pointsPerChunk = 1024;
/** Buckets of a full chunk of every higher level: those of 1024 points at level 1. */
export const bucketsPerChunk = 128;
/** A bucket of level k joins this many of level k − 1 (points at level 0). */
export const levelFactor = 8;

/** Points in a full bucket of a level. */
export function bucketSize(level: number): number {
  return levelFactor ** level;
}

/** Entries (points at level 0, else buckets) of a full chunk. */
export function entriesPerChunk(level: number): number {
  return level === 0 ? pointsPerChunk : bucketsPerChunk;
}

/**
 * A row of `metricChunks` without its series. The payload is an array of little-endian float64:
 * a format number, then
 * - `arithmeticPoints`: first step, stride, values;
 * - `explicitPoints`: steps, values;
 * - `buckets`: first steps, last steps, minimum, maximum, mean, number of non-finite points
 *   (the number of points is that of a full bucket: levels hold full buckets only).
 *
 * The checksum is the CRC-32 of whose it is, the row's numbers and payload.
 */
export interface MetricChunk {
  level: number;
  ordinal: number;
  entryCount: number;
  firstStep: number;
  lastStep: number;
  payload: Buffer;
  checksum: number;
}

/** Whose points a chunk holds. */
export interface SeriesIdentity {
  runId: string;
  name: string;
}

const formats = { arithmeticPoints: 1, explicitPoints: 2, buckets: 3 } as const;
const bucketColumns = ['firstSteps', 'lastSteps', 'minimum', 'maximum', 'mean', 'nonFiniteCounts'] as const;

/** A chunk is absent, or is not as it was written. */
export class DamagedChunkError extends Error {
  readonly level: number;

  constructor(level: number, ordinal: number, problem: string) {
    super(`Chunk ${ordinal} of level ${level} ${problem}.`);
    this.name = 'DamagedChunkError';
    this.level = level;
  }
}

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function toBytes(numbers: Float64Array): Buffer {
  const bytes = Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  return isLittleEndian ? bytes : bytes.swap64();
}

function toNumbers(bytes: Buffer): Float64Array {
  // A copy, because SQLite's buffers need not be aligned to eight bytes.
  const copy = new Uint8Array(bytes);
  if (!isLittleEndian) Buffer.from(copy.buffer).swap64();
  return new Float64Array(copy.buffer);
}

function checksumOf(
  { runId, name }: SeriesIdentity,
  { level, ordinal, entryCount, firstStep, lastStep, payload }: Omit<MetricChunk, 'checksum'>,
): number {
  const numbers = `${level} ${ordinal} ${entryCount} ${firstStep} ${lastStep}`;
  return crc32(payload, crc32(`${JSON.stringify([runId, name])} ${numbers}`));
}

/** The chunk with a checksum that says whose it is. */
export function sealChunk(series: SeriesIdentity, chunk: Omit<MetricChunk, 'checksum'>): MetricChunk {
  return { ...chunk, checksum: checksumOf(series, chunk) };
}

/** True where a chunk is as it was written, and of this series. */
export function isChunkIntact(series: SeriesIdentity, chunk: MetricChunk): boolean {
  // Where a number was damaged into another type, there is no payload to sum.
  return Buffer.isBuffer(chunk.payload) && checksumOf(series, chunk) === chunk.checksum;
}

/** @throws DamagedChunkError where checksum, kind or length are not as expected. */
function open(series: SeriesIdentity, chunk: MetricChunk, entryCount: number): Float64Array {
  if (!isChunkIntact(series, chunk)) {
    throw new DamagedChunkError(chunk.level, chunk.ordinal, 'does not match its checksum');
  }
  if (chunk.entryCount !== entryCount || chunk.payload.byteLength % 8 !== 0) {
    throw new DamagedChunkError(chunk.level, chunk.ordinal, `has ${chunk.entryCount} entries, not ${entryCount}`);
  }
  return toNumbers(chunk.payload);
}

/** Stride of evenly spaced steps; null for others. */
function strideOf(steps: Float64Array): number | null {
  const first = steps[0] ?? 0;
  const stride = (steps[1] ?? first) - first;
  for (let index = 2; index < steps.length; index += 1) {
    if (steps[index] !== first + index * stride) return null;
  }
  return stride;
}

/** A chunk of level 0; at least one point. */
export function encodePoints(series: SeriesIdentity, ordinal: number, { steps, values }: SeriesPoints): MetricChunk {
  const firstStep = steps[0] ?? 0;
  const stride = strideOf(steps);
  let body: Float64Array;
  if (stride === null) {
    body = new Float64Array(1 + 2 * values.length);
    body[0] = formats.explicitPoints;
    body.set(steps, 1);
    body.set(values, 1 + values.length);
  } else {
    body = new Float64Array(3 + values.length);
    body[0] = formats.arithmeticPoints;
    body[1] = firstStep;
    body[2] = stride;
    body.set(values, 3);
  }
  const lastStep = steps.at(-1) ?? firstStep;
  return sealChunk(series, {
    level: 0,
    ordinal,
    entryCount: values.length,
    firstStep,
    lastStep,
    payload: toBytes(body),
  });
}

/** @throws DamagedChunkError unless the chunk holds just this many points, as they were written. */
export function decodePoints(series: SeriesIdentity, chunk: MetricChunk, count: number): SeriesPoints {
  const body = open(series, chunk, count);
  const [format, first = 0, stride = 0] = body;
  if (format === formats.arithmeticPoints && body.length === 3 + count) {
    const steps = new Float64Array(count);
    for (let index = 0; index < count; index += 1) steps[index] = first + index * stride;
    return { steps, values: body.subarray(3) };
  }
  if (format === formats.explicitPoints && body.length === 1 + 2 * count) {
    return { steps: body.subarray(1, 1 + count), values: body.subarray(1 + count) };
  }
  throw new DamagedChunkError(chunk.level, chunk.ordinal, `has an unknown format`);
}

/** A chunk of a level above 0; at least one bucket, all full. */
export function encodeBuckets(series: SeriesIdentity, level: number, ordinal: number, buckets: Buckets): MetricChunk {
  const count = buckets.counts.length;
  const body = new Float64Array(1 + bucketColumns.length * count);
  body[0] = formats.buckets;
  bucketColumns.forEach((name, index) => body.set(buckets[name], 1 + index * count));
  return sealChunk(series, {
    level,
    ordinal,
    entryCount: count,
    firstStep: buckets.firstSteps[0] ?? 0,
    lastStep: buckets.lastSteps.at(-1) ?? 0,
    payload: toBytes(body),
  });
}

/** @throws DamagedChunkError unless the chunk holds just this many buckets, as they were written. */
export function decodeBuckets(series: SeriesIdentity, chunk: MetricChunk, count: number): Buckets {
  const body = open(series, chunk, count);
  if (body[0] !== formats.buckets || body.length !== 1 + bucketColumns.length * count) {
    throw new DamagedChunkError(chunk.level, chunk.ordinal, `has an unknown format`);
  }
  const buckets = createBuckets(count);
  bucketColumns.forEach((name, index) => buckets[name].set(body.subarray(1 + index * count, 1 + (index + 1) * count)));
  buckets.counts.fill(bucketSize(chunk.level));
  return buckets;
}
