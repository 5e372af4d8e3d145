import type { LabErrorCode, LabErrorData } from '#shared/errors.ts';
import type { RunRecord } from '../store/store.ts';

/** Of the lab's folder itself: the next run would meet the same. */
const everyRunMeets: ReadonlySet<LabErrorCode> = new Set(['diskFull', 'labNotWritable']);

/** What a machine does to every run alike: no engine, a graphics card or data that are gone, too little memory. */
const machineFaults: ReadonlySet<LabErrorCode> = new Set([
  'engineMissing',
  'engineFailed',
  'downloadFailed',
  'trainerLost',
  'notFound',
  'invalidDataset',
  'labDamaged',
]);
/** One more may be chance; a whole queue must not go the same way. */
const tolerated = 2;

/**
 * Says after a run's end whether further runs should be started: not where each would meet the same, and not after
 * several in a row that a fault of the machine ended before they made a step, or whose steps could not be kept. A
 * card that is lost at night does not take every waiting run with it.
 */
export class QueueHalts {
  #inARow = 0;

  /**
   * Takes note of a run's end.
   * @param madeSteps Whether it did since it was started the last time.
   * @returns Why no further run should be started; null where they may go on.
   */
  note({ state, error }: Pick<RunRecord, 'state' | 'error'>, madeSteps: boolean): LabErrorData | null {
    if (error !== null && everyRunMeets.has(error.code)) return error;
    // Damage shows when steps are to be written; of a single run it does not concern the next.
    const isFruitless = (state === 'failed' || state === 'lost') && (!madeSteps || error?.code === 'labDamaged');
    if (!isFruitless || error === null || !machineFaults.has(error.code)) {
      this.#inARow = 0;
      return null;
    }
    this.#inARow += 1;
    if (this.#inARow <= tolerated) return null;
    return {
      ...error,
      message: `${this.#inARow} runs in a row came to nothing, the last one thus: ${error.message}`,
      hint: `${error.hint} The runs that wait are as they were: start the queue when the cause is mended.`,
    };
  }

  /** Somebody has seen why, and lets runs be tried again. */
  forgive(): void {
    this.#inARow = 0;
  }
}
