/**
 * A night of short runs whose owner is killed with its whole process group, again and again, at random moments.
 * As a program: `node tests/main/runs/killedOwners.ts RUNS KILLS [SEED]` prints what came of it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createDatasetService } from '#main/datasets/datasetService.ts';
import { ExperimentService } from '#main/runs/experimentService.ts';
import { openStore } from '#main/store/openStore.ts';
import type { RunRecord } from '#main/store/store.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import { createTinyLabDirectory, tinyRun } from '../../lab/tinyLab.ts';

export interface Night {
  /** Ids that were made, in order. */
  made: string[];
  runs: RunRecord[];
  /** Losses of each run, as its curve has them. */
  losses: Map<string, { steps: number[]; values: number[] }>;
  /** Owners that were killed; one more came to the end. */
  kills: number;
  /** What labs said when they opened: nothing is expected. */
  notices: string[];
  /** Memory of each owner after each run that it saw end, in order. */
  memory: OwnerMemory[][];
}

export interface OwnerMemory {
  /** Runs that have ended under this owner. */
  endedRuns: number;
  /** In use after a collection of garbage. */
  heapBytes: number;
  residentBytes: number;
}

const entry = fileURLToPath(new URL('fixtures/queueOwner.ts', import.meta.url));

/**
 * Runs owners until one comes to its end; the first `kills` of them are killed.
 * @param directory A lab with the data set `tiny`.
 */
export async function spendNight(directory: string, runCount: number, kills: number, seed: number): Promise<Night> {
  const made = await makeRuns(directory, runCount);
  const random = createRandomStream(seed, 'kills');
  // A run is two lines at least, because a trainer takes long to start: there is always one more to kill at.
  const linesBetween = Math.max(4, Math.floor((2 * runCount) / (kills + 1)));
  const night: Night = { made, runs: [], losses: new Map(), kills: 0, notices: [], memory: [] };
  for (;;) {
    const killAt = night.kills < kills ? 1 + random.integer(linesBetween) : Number.POSITIVE_INFINITY;
    const { killed, lines, memory, status } = await runOwner(directory, killAt);
    night.memory.push(memory);
    night.notices.push(...lines.filter((line) => line.startsWith('notice ')));
    if (killed) {
      night.kills += 1;
      continue;
    }
    if (status !== 0) throw new Error(`The owner ended with status ${String(status)}: ${lines.slice(-5).join(' | ')}`);
    break;
  }
  const store = openStore(directory);
  try {
    night.notices.push(...store.damaged().map(({ message }) => message));
    night.runs = store.runs.list();
    for (const { id } of night.runs) {
      const { steps, values } = store.metrics.read(id, 'train/loss');
      night.losses.set(id, { steps: [...steps], values: [...values] });
    }
  } finally {
    store.close();
  }
  return night;
}

async function makeRuns(directory: string, count: number): Promise<string[]> {
  const store = openStore(directory);
  try {
    const datasets = createDatasetService({ datasetsDirectory: join(directory, 'datasets') });
    const seeds = Array.from({ length: count }, (_, index) => index);
    const document = { name: 'Night', base: tinyRun, seeds };
    return (await new ExperimentService(store, datasets, directory).create(document)).runs.map(({ id }) => id);
  } finally {
    store.close();
  }
}

async function runOwner(
  directory: string,
  killAt: number,
): Promise<{ killed: boolean; lines: string[]; memory: OwnerMemory[]; status: number | null }> {
  // A group of its own: its trainers are killed with it.
  const owner = spawn(process.execPath, [entry, directory], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(owner, 'close') as Promise<[number | null]>;
  const lines: string[] = [];
  const memory: OwnerMemory[] = [];
  let killed = false;
  try {
    for await (const line of createInterface({ input: owner.stdout })) {
      if (line.startsWith('memory ')) {
        const [endedRuns = NaN, heapBytes = NaN, residentBytes = NaN] = line.split(' ').slice(1).map(Number);
        memory.push({ endedRuns, heapBytes, residentBytes });
        continue;
      }
      lines.push(line);
      if (killed || lines.length < killAt || owner.pid === undefined) continue;
      killed = true;
      process.kill(-owner.pid, 'SIGKILL');
    }
    const [status] = await closed;
    return { killed, lines, memory, status };
  } finally {
    if (owner.exitCode === null && owner.signalCode === null) owner.kill('SIGKILL');
  }
}

/** Losses of the fake trainer for a seed: at steps 1 to 20, seed + 1/(step + 1). */
export function expectedLosses(seed: number): { steps: number[]; values: number[] } {
  const steps = Array.from({ length: 20 }, (_, index) => index + 1);
  return { steps, values: steps.map((step) => seed + 1 / (step + 1)) };
}

/** The owner that saw most runs end, at ten of its runs. */
function describeMemory({ memory }: Night): object[] {
  const longest = memory.reduce((most, owner) => (owner.length > most.length ? owner : most), []);
  const every = Math.max(1, Math.floor(longest.length / 10));
  const mebibytes = (bytes: number): number => Math.round((bytes / 2 ** 20) * 10) / 10;
  return longest
    .filter((_, index) => index % every === every - 1)
    .map(({ endedRuns, heapBytes, residentBytes }) => ({
      endedRuns,
      heapMiB: mebibytes(heapBytes),
      residentMiB: mebibytes(residentBytes),
    }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [runCount = 500, kills = 50, seed = 1] = process.argv.slice(2).map(Number);
  const { directory, remove } = await createTinyLabDirectory();
  try {
    const startMs = performance.now();
    const night = await spendNight(directory, runCount, kills, seed);
    const differs = night.runs.filter(
      (run) => JSON.stringify(night.losses.get(run.id)) !== JSON.stringify(expectedLosses(run.document.seed)),
    );
    console.log(
      JSON.stringify({
        made: night.made.length,
        there: night.runs.length,
        distinct: new Set(night.runs.map(({ id }) => id)).size,
        done: night.runs.filter(({ state }) => state === 'done').length,
        resumed: night.runs.filter(({ resumeCount }) => resumeCount > 0).length,
        curvesThatDiffer: differs.length,
        kills: night.kills,
        notices: night.notices,
        memoryOfLongestOwner: describeMemory(night),
        seconds: Math.round((performance.now() - startMs) / 1000),
      }),
    );
  } finally {
    await remove();
  }
}
