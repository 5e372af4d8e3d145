import type { SeriesSlice } from '#shared/contract.ts';
import type { LabErrorData } from '#shared/errors.ts';

/** What a client holds of one series: typed arrays that grow, in step with the lab's store. */
export class SeriesBuffer {
  metricsRevision = 0;
  pointsPerBucket = 1;
  completeThrough = -1;
  length = 0;
  /** Grows with every change. */
  version = 0;
  /** Why the series, or a part of it, cannot be read; null where all of it can. */
  error: LabErrorData | null = null;
  #steps = new Float64Array(0);
  #values = new Float64Array(0);
  #minimum: Float64Array<ArrayBuffer> | null = null;
  #maximum: Float64Array<ArrayBuffer> | null = null;

  /** Last step of each bucket; a view that the next change makes stale. */
  get steps(): Float64Array {
    return this.#steps.subarray(0, this.length);
  }

  /** Mean of each bucket; NaN where it is not finite. */
  get values(): Float64Array {
    return this.#values.subarray(0, this.length);
  }

  /** Smallest value of each bucket; null where nothing was down-sampled. */
  get minimum(): Float64Array | null {
    return this.#minimum?.subarray(0, this.length) ?? null;
  }

  get maximum(): Float64Array | null {
    return this.#maximum?.subarray(0, this.length) ?? null;
  }

  /**
   * Takes in an answer of the lab.
   * @param afterStep What the question named: entries after it are replaced by those of the slice.
   * @returns False where nothing changed.
   */
  apply(slice: SeriesSlice, afterStep: number): boolean {
    const kept = slice.replace ? 0 : this.#countThrough(afterStep);
    const added = slice.steps.length;
    // An answer to a part says nothing of what is damaged before it.
    const error = slice.error ?? (slice.replace || afterStep < 0 ? null : this.error);
    const same = !slice.replace && kept === this.length && added === 0 && error?.message === this.error?.message;
    this.error = error;
    this.metricsRevision = slice.metricsRevision;
    this.pointsPerBucket = slice.pointsPerBucket;
    this.completeThrough = slice.completeThrough;
    if (same) return false;
    const downsampled = slice.minimum !== undefined && slice.maximum !== undefined;
    this.#reserve(kept + added, downsampled);
    this.#steps.set(slice.steps, kept);
    copyValues(this.#values, slice.values, kept);
    if (downsampled) {
      copyValues(this.#minimum, slice.minimum ?? [], kept);
      copyValues(this.#maximum, slice.maximum ?? [], kept);
    } else {
      this.#minimum = null;
      this.#maximum = null;
    }
    this.length = kept + added;
    this.version += 1;
    return true;
  }

  /** Number of entries with steps up to this one. */
  #countThrough(step: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#steps[middle] ?? Number.POSITIVE_INFINITY) <= step) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #reserve(length: number, downsampled: boolean): void {
    const capacity = length <= this.#steps.length ? this.#steps.length : Math.max(64, length * 2);
    this.#steps = grown(this.#steps, capacity);
    this.#values = grown(this.#values, capacity);
    if (downsampled) {
      this.#minimum = grown(this.#minimum ?? new Float64Array(0), capacity);
      this.#maximum = grown(this.#maximum ?? new Float64Array(0), capacity);
    }
  }
}

function grown(array: Float64Array<ArrayBuffer>, capacity: number): Float64Array<ArrayBuffer> {
  if (array.length === capacity) return array;
  const result = new Float64Array(capacity);
  result.set(array);
  return result;
}

function copyValues(target: Float64Array | null, values: readonly (number | null)[], offset: number): void {
  if (target === null) return;
  for (let index = 0; index < values.length; index += 1) target[offset + index] = values[index] ?? Number.NaN;
}
