/**
 * Down-sampled points: entry i of each array describes one bucket of consecutive points. Values
 * that are not finite (a diverged run) are counted, and left out of minimum, maximum and mean,
 * which are NaN where a bucket has no finite value.
 */
export interface Buckets {
  /** Step of each bucket's first point. */
  firstSteps: Float64Array;
  /** Step of each bucket's last point. */
  lastSteps: Float64Array;
  minimum: Float64Array;
  maximum: Float64Array;
  mean: Float64Array;
  /** Points in each bucket; less than the others where the last bucket is not full. */
  counts: Float64Array;
  /** Points of each bucket that are NaN or infinite. */
  nonFiniteCounts: Float64Array;
}

interface Points {
  steps: Float64Array;
  values: Float64Array;
}

/** Buckets filled with zeros. */
export function createBuckets(length: number): Buckets {
  return {
    firstSteps: new Float64Array(length),
    lastSteps: new Float64Array(length),
    minimum: new Float64Array(length),
    maximum: new Float64Array(length),
    mean: new Float64Array(length),
    counts: new Float64Array(length),
    nonFiniteCounts: new Float64Array(length),
  };
}

/** Every array of some buckets, in a fixed order. */
function columns(buckets: Buckets): Float64Array[] {
  return [
    buckets.firstSteps,
    buckets.lastSteps,
    buckets.minimum,
    buckets.maximum,
    buckets.mean,
    buckets.counts,
    buckets.nonFiniteCounts,
  ];
}

/** Buckets `start` to `end` (excluded), as a view on the same memory. */
export function sliceBuckets(buckets: Buckets, start: number, end?: number): Buckets {
  return {
    firstSteps: buckets.firstSteps.subarray(start, end),
    lastSteps: buckets.lastSteps.subarray(start, end),
    minimum: buckets.minimum.subarray(start, end),
    maximum: buckets.maximum.subarray(start, end),
    mean: buckets.mean.subarray(start, end),
    counts: buckets.counts.subarray(start, end),
    nonFiniteCounts: buckets.nonFiniteCounts.subarray(start, end),
  };
}

/** One after the other. */
export function concatenateBuckets(parts: readonly Buckets[]): Buckets {
  const [only] = parts;
  if (only && parts.length === 1) return only;
  const result = createBuckets(parts.reduce((length, part) => length + part.counts.length, 0));
  const targets = columns(result);
  let offset = 0;
  for (const part of parts) {
    columns(part).forEach((column, index) => targets[index]?.set(column, offset));
    offset += part.counts.length;
  }
  return result;
}

/** Each point as a bucket of its own. */
export function bucketsOfPoints({ steps, values }: Points): Buckets {
  const buckets = createBuckets(values.length);
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] ?? Number.NaN;
    const finite = Number.isFinite(value);
    const shown = finite ? value : Number.NaN;
    buckets.minimum[index] = shown;
    buckets.maximum[index] = shown;
    buckets.mean[index] = shown;
    buckets.counts[index] = 1;
    buckets.nonFiniteCounts[index] = finite ? 0 : 1;
  }
  buckets.firstSteps.set(steps);
  buckets.lastSteps.set(steps);
  return buckets;
}

/** start + weight·(end − start): exact where both are equal, finite where both are. */
function interpolate(start: number, end: number, weight: number): number {
  const difference = end - start;
  return Number.isFinite(difference) ? start + weight * difference : (1 - weight) * start + weight * end;
}

/**
 * Joins each `groupSize` consecutive buckets, from the first; the last group may be smaller.
 * The mean of a group is that of its finite points: Σ nᵢ·meanᵢ / Σ nᵢ.
 */
export function mergeBuckets(buckets: Buckets, groupSize: number): Buckets {
  const length = buckets.counts.length;
  if (groupSize === 1) return buckets;
  const merged = createBuckets(Math.ceil(length / groupSize));
  for (let group = 0; group < merged.counts.length; group += 1) {
    const start = group * groupSize;
    const end = Math.min(start + groupSize, length);
    let minimum = Number.POSITIVE_INFINITY;
    let maximum = Number.NEGATIVE_INFINITY;
    let count = 0;
    let finiteCount = 0;
    let mean = Number.NaN;
    for (let index = start; index < end; index += 1) {
      const points = buckets.counts[index] ?? 0;
      const finite = points - (buckets.nonFiniteCounts[index] ?? 0);
      count += points;
      if (finite === 0) continue;
      const bucketMean = buckets.mean[index] ?? Number.NaN;
      minimum = Math.min(minimum, buckets.minimum[index] ?? Number.NaN);
      maximum = Math.max(maximum, buckets.maximum[index] ?? Number.NaN);
      mean = finiteCount === 0 ? bucketMean : interpolate(mean, bucketMean, finite / (finiteCount + finite));
      finiteCount += finite;
    }
    merged.firstSteps[group] = buckets.firstSteps[start] ?? Number.NaN;
    merged.lastSteps[group] = buckets.lastSteps[end - 1] ?? Number.NaN;
    merged.minimum[group] = finiteCount === 0 ? Number.NaN : minimum;
    merged.maximum[group] = finiteCount === 0 ? Number.NaN : maximum;
    merged.mean[group] = mean;
    merged.counts[group] = count;
    merged.nonFiniteCounts[group] = count - finiteCount;
  }
  return merged;
}

/** Minimum, maximum and mean of each `pointsPerBucket` consecutive points. */
export function downsample(points: Points, pointsPerBucket: number): Buckets {
  return mergeBuckets(bucketsOfPoints(points), pointsPerBucket);
}
