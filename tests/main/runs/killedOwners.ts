/**
 * A night of short runs whose owner is killed with its whole process group, again and again, at random moments.
 * As a program: `node tests/main/runs/killedOwners.ts RUNS KILLS [SEED]` prints what came of it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ExperimentService } from '#main/runs/experimentService.ts';
import { openStore } from '#main/store/openStore.ts';
import type { RunRecord } from '#main/store/store.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import { fakeDataset } from './fakes.ts';

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
  /** Resident memory of the owner that came to the end, bytes. */
  memoryBytes: number;
}

const entry = fileURLToPath(new URL('fixtures/queueOwner.ts', import.meta.url));

/** Runs owners until one comes to its end; the first `kills` of them are killed. */
export async function spendNight(directory: string, runCount: number, kills: number, seed: number): Promise<Night> {
  const made = await makeRuns(directory, runCount);
  const random = createRandomStream(seed, 'kills');
  // A run is two lines at least, because a trainer takes long to start: there is always one more to kill at.
  const linesBetween = Math.max(4, Math.floor((2 * runCount) / (kills + 1)));
  const night: Night = { made, runs: [], losses: new Map(), kills: 0, notices: [], memoryBytes: 0 };
  for (;;) {
    const killAt = night.kills < kills ? 1 + random.integer(linesBetween) : Number.POSITIVE_INFINITY;
    const { killed, lines, status } = await runOwner(directory, killAt);
    night.notices.push(...lines.filter((line) => line.startsWith('notice ')));
    if (killed) {
      night.kills += 1;
      continue;
    }
    if (status !== 0) throw new Error(`The owner ended with status ${String(status)}: ${lines.slice(-5).join(' | ')}`);
    const memory = lines.find((line) => line.startsWith('memory '));
    night.memoryBytes = Number(memory?.slice('memory '.length));
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
    const datasets = { get: () => Promise.resolve(fakeDataset), directory: () => directory };
    const seeds = Array.from({ length: count }, (_, index) => index);
    const document = { name: 'Night', base: { dataset: { id: 'fake' } }, seeds };
    return (await new ExperimentService(store, datasets, directory).create(document)).runs.map(({ id }) => id);
  } finally {
    store.close();
  }
}

async function runOwner(
  directory: string,
  killAt: number,
): Promise<{ killed: boolean; lines: string[]; status: number | null }> {
  // A group of its own: its trainers are killed with it.
  const owner = spawn(process.execPath, [entry, directory], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(owner, 'close') as Promise<[number | null]>;
  const lines: string[] = [];
  let killed = false;
  try {
    for await (const line of createInterface({ input: owner.stdout })) {
      lines.push(line);
      if (killed || lines.length < killAt || owner.pid === undefined) continue;
      killed = true;
      process.kill(-owner.pid, 'SIGKILL');
    }
    const [status] = await closed;
    return { killed, lines, status };
  } finally {
    if (owner.exitCode === null && owner.signalCode === null) owner.kill('SIGKILL');
  }
}

/** Losses of the fake trainer for a seed: at steps 1 to 20, seed + 1/(step + 1). */
export function expectedLosses(seed: number): { steps: number[]; values: number[] } {
  const steps = Array.from({ length: 20 }, (_, index) => index + 1);
  return { steps, values: steps.map((step) => seed + 1 / (step + 1)) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [runCount = 500, kills = 50, seed = 1] = process.argv.slice(2).map(Number);
  const directory = mkdtempSync(join(tmpdir(), 'normlab-night-'));
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
        memoryMiB: Math.round(night.memoryBytes / 2 ** 20),
        seconds: Math.round((performance.now() - startMs) / 1000),
      }),
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
