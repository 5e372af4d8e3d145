import { mostCheckpointsKept } from '#shared/domain/checkpoint.ts';
import type { DatasetDocument } from '#shared/domain/dataset.ts';
import { datasetOfRun } from '#shared/domain/architectures/index.ts';
import { formatBytes } from '#shared/formatBytes.ts';
import type { LabErrorData } from '#shared/errors.ts';
import type { Lab } from '../lab.ts';
import { estimateCheckpointBytes, trainingLengthOn } from './experimentPreview.ts';

/** What curves, logs and exports may need besides, and what a system should not run out of. */
const reservedBytes = 500e6;

/** Says before the disk is full that it will be: what is free against what the queue still writes. */
export class DiskForecast {
  readonly #lab: Pick<Lab, 'runs' | 'datasets' | 'directory'>;
  #datasets: readonly DatasetDocument[] = [];
  /** Runs whose data sets have been asked for. */
  #known = new Set<string>();
  /** What runs that wait will write; nothing of it changes while they wait. */
  #waiting = new Map<string, number>();

  constructor(lab: Pick<Lab, 'runs' | 'datasets' | 'directory'>) {
    this.#lab = lab;
  }

  /** @param freeBytes On the lab's disk; null where that cannot be told. */
  async warnings(freeBytes: number | null): Promise<LabErrorData[]> {
    if (freeBytes === null) return [];
    const { training, waiting } = this.#lab.runs.queueState();
    const active = [...training, ...waiting];
    if (active.some((id) => !this.#known.has(id))) this.#datasets = await this.#lab.datasets.list();
    this.#known = new Set(active);
    this.#waiting = new Map(waiting.map((id) => [id, this.#waiting.get(id) ?? this.#bytesToWrite(id)]));
    const needed = [...training.map((id) => this.#bytesToWrite(id)), ...this.#waiting.values()];
    const neededBytes = needed.reduce((sum, bytes) => sum + bytes, 0);
    if (freeBytes >= neededBytes + reservedBytes) return [];
    return [describeShortage(this.#lab.directory, freeBytes, neededBytes, needed.length)];
  }

  /** One more checkpoint than its rule keeps: the new one is there before another goes. */
  #bytesToWrite(runId: string): number {
    const { document } = this.#lab.runs.get(runId);
    const dataset = datasetOfRun(document, this.#datasets);
    if (dataset === undefined) return 0;
    const there = this.#lab.runs.checkpoints(runId);
    const bytes = there[0]?.bytes ?? estimateCheckpointBytes(document, dataset);
    const most = mostCheckpointsKept(document.checkpoints, trainingLengthOn(document, dataset));
    const kept = there.reduce((sum, checkpoint) => sum + checkpoint.bytes, 0);
    return Math.max(0, bytes * (most + 1) - kept);
  }
}

function describeShortage(directory: string, freeBytes: number, neededBytes: number, runs: number): LabErrorData {
  const queue =
    runs === 0
      ? ''
      : `; ${runs === 1 ? 'the run in the queue' : `the ${runs} runs in the queue`} will write about ${formatBytes(neededBytes)} of checkpoints`;
  return {
    code: 'diskFull',
    message: `The disk of the lab will soon be full: ${formatBytes(freeBytes)} are free${queue}.`,
    hint: `Free some space on the disk of ${directory}: delete experiments that are not needed any more (their files go when NormLab is closed)${runs > 1 ? ', or take runs out of the queue' : ''}. What is trained stays; where the disk is full the queue stops, and runs go on from their last checkpoints.`,
  };
}
