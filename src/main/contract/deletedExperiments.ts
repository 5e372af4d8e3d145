import { isActive, isEnded } from '#shared/domain/runState.ts';
import { LabError } from '#shared/errors.ts';
import type { Lab } from '../lab.ts';

/** Names of what the lab itself keeps in its memory begin so; clients cannot reach them. */
export const ownMemoryPrefix = 'normlab/';
const memoryKey = `${ownMemoryPrefix}deletedExperiments`;

/**
 * Experiments that were deleted but can still be restored: hidden now, removed for good when the lab
 * is closed, or opened again after it ended by a crash.
 */
export class DeletedExperiments {
  readonly #lab: Lab;
  readonly #ids = new Set<string>();
  /** Those that somebody wanted back since. */
  readonly #wanted = new Set<string>();

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /**
   * Hides experiments and stops their runs. Where that cannot be written nothing is hidden: what a client
   * was told is still there must never be removed.
   * @throws LabError `diskFull`, ….
   */
  hide(ids: readonly string[]): void {
    const { runs } = this.#lab;
    const { waiting } = runs.queueState();
    const takenOut: string[] = [];
    try {
      for (const run of ids.flatMap((experimentId) => runs.list({ experimentId }))) {
        if (run.state === 'stopping' || isEnded(run.state)) continue;
        runs.stop(run.id);
        if (run.state === 'queued') takenOut.push(run.id);
      }
      this.#write([...this.#ids, ...ids]);
    } catch (error) {
      this.#queueAgain(takenOut, waiting);
      throw error;
    }
    for (const id of ids) {
      this.#ids.add(id);
      this.#wanted.delete(id);
    }
  }

  /** As far as the disk allows; the others stay stopped. */
  #queueAgain(ids: readonly string[], waiting: readonly string[]): void {
    const { runs } = this.#lab;
    try {
      for (const id of ids) runs.requeue(id);
      const waited = ids.filter((id) => waiting.includes(id));
      if (waited.length > 0) runs.start(waited);
    } catch {
      // The client gets why, with the first failure.
    }
  }

  /**
   * Shows them again; their runs stay stopped. Where that cannot be written they stay hidden for now, but are
   * not removed at closing: somebody wants them back.
   * @throws LabError `notFound` where one is gone for good; `diskFull`, ….
   */
  restore(ids: readonly string[]): void {
    const gone = ids.find((id) => !this.#ids.has(id));
    if (gone !== undefined) {
      throw new LabError(
        'notFound',
        `The experiment “${gone}” cannot be restored.`,
        'Look at the list of experiments.',
      );
    }
    for (const id of ids) this.#wanted.add(id);
    this.#write([...this.#ids].filter((id) => !this.#wanted.has(id)));
    for (const id of ids) this.#ids.delete(id);
  }

  /** Hides what an earlier owner of the lab could not remove. @returns whether there is any of it. */
  hideLeftovers(): boolean {
    const left = this.#lab.store.memory.get(memoryKey);
    if (!Array.isArray(left)) return false;
    for (const id of left) if (typeof id === 'string' && this.#lab.store.experiments.get(id)) this.#ids.add(id);
    return true;
  }

  /** Removes what an earlier owner of the lab could not. */
  async purgeLeftovers(): Promise<void> {
    if (this.hideLeftovers()) await this.purge();
  }

  /** Removes for good, with all files. */
  async purge(): Promise<void> {
    for (const id of this.#ids) {
      if (this.#wanted.has(id)) {
        this.#ids.delete(id);
        continue;
      }
      const runs = this.#lab.runs.list({ experimentId: id });
      const active = runs.filter((run) => isActive(run.state));
      // It is stopping since it was deleted: stopping again ends it without a checkpoint.
      for (const run of active) this.#lab.runs.stop(run.id);
      await this.#lab.runs.whenEnded(active.map((run) => run.id));
      for (const run of runs) await this.#lab.runs.remove(run.id);
      this.#lab.store.experiments.remove(id);
      this.#ids.delete(id);
    }
    this.#write([...this.#ids]);
  }

  #write(ids: readonly string[]): void {
    this.#lab.store.memory.set(memoryKey, ids.length === 0 ? null : [...new Set(ids)]);
  }
}
