/**
 * A run whose trainer, or whose whole application, is killed again and again at random moments, some of them
 * inside the write of a checkpoint; it goes on each time. As a program:
 * `node tests/main/runs/killedTraining.ts KILLS SEED` does both and prints what came of it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createLab, type Lab } from '#main/lab.ts';
import { trainerLauncher, type TrainerLauncher } from '#main/runs/trainerLauncher.ts';
import { isTimingSeries } from '#shared/domain/metric.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import { readCheckpoint } from '#trainer/checkpoint.ts';
import { createTinyLabDirectory, javascriptOnly, tinyRun } from '../../lab/tinyLab.ts';

/** When a process is killed: at a share of the nth checkpoint's bytes, or some time after the nth event. */
export type Moment =
  { kind: 'write'; checkpoint: number; share: number } | { kind: 'event'; count: number; delayMs: number };

export interface KilledTraining {
  moments: Moment[];
  /** What the trainers wrote of checkpoints before they were killed inside: `written of all` bytes. */
  killedInWrites: string[];
  resumeCount: number;
  notices: string[];
  unbroken: Outcome;
  broken: Outcome;
}

/** Everything of a run that does not measure time. */
export interface Outcome {
  state: string;
  curves: Record<string, { steps: string; values: string }>;
  /** The last checkpoint, with the bits of its tensors in hexadecimal. */
  checkpoint: unknown;
}

const hook = new URL('fixtures/killInWrite.ts', import.meta.url).href;
const applicationEntry = fileURLToPath(new URL('fixtures/applicationOwner.ts', import.meta.url));

/** The real trainer, which ends itself where its environment says so. */
export function killableLauncher(environment: NodeJS.ProcessEnv): TrainerLauncher {
  return trainerLauncher({
    executableArguments: ['--disable-warning=ExperimentalWarning', '--import', hook],
    environment,
  });
}

/** Every other moment is inside of a write; all follow from the seed. */
export function drawMoments(count: number, seed: number): Moment[] {
  const random = createRandomStream(seed, 'moments');
  return Array.from({ length: count }, (_, index) =>
    index % 2 === 0
      ? { kind: 'write', checkpoint: 1 + random.integer(3), share: random.integer(1000) / 1000 }
      : { kind: 'event', count: 1 + random.integer(6), delayMs: random.integer(30) },
  );
}

/** Long enough for one kill after another: none lets a run go on for more than a few checkpoints. */
const documentFor = (kills: number): object => ({
  ...tinyRun,
  method: { id: 'batchNorm' },
  dropout: { ratio: 0.2 },
  length: { unit: 'steps', value: 30 + 10 * kills },
  evaluation: { every: { unit: 'steps', value: 5 }, batchSize: 16 },
  checkpoints: { every: { unit: 'steps', value: 3 }, keepEvery: { unit: 'steps', value: 30 } },
});

async function openTinyLab(directory: string, environment: NodeJS.ProcessEnv): Promise<Lab> {
  return createLab({
    labDirectory: directory,
    door: 'cli',
    engines: javascriptOnly,
    launcher: killableLauncher(environment),
    flushIntervalMs: 5,
    eventIntervalMs: 1,
  });
}

/** Trains one run without a kill and one with many, both with the same document. */
export async function trainWithKills(
  victim: 'trainer' | 'application',
  kills: number,
  seed: number,
): Promise<KilledTraining> {
  const folder = await createTinyLabDirectory();
  const report = join(folder.directory, 'kills.txt');
  const environment: NodeJS.ProcessEnv = { ...process.env, NORMLAB_TEST_KILL_REPORT: report };
  const moments = drawMoments(kills, seed);
  const notices: string[] = [];
  let lab = await openTinyLab(folder.directory, environment);
  try {
    const create = async (): Promise<string> =>
      (await lab.experiments.create({ name: 'Killed', base: documentFor(kills) })).runs[0]?.id ?? '';
    const whole = await create();
    lab.runs.start([whole]);
    await lab.runs.whenEnded([whole]);
    const killed = await create();
    if (victim === 'trainer') {
      for (const moment of moments) await killTrainer(lab, killed, environment, moment);
      delete environment['NORMLAB_TEST_KILL'];
      lab.runs.resume(killed);
      await lab.runs.whenEnded([killed]);
    } else {
      await lab.close();
      for (const moment of moments) notices.push(...(await killApplication(folder.directory, environment, moment)));
      notices.push(...(await killApplication(folder.directory, environment, null)));
      lab = await openTinyLab(folder.directory, environment);
    }
    notices.push(...lab.notices.map(({ message }) => message));
    return {
      moments,
      killedInWrites: existsSync(report) ? readFileSync(report, 'utf8').trim().split('\n') : [],
      resumeCount: lab.runs.get(killed).resumeCount,
      notices,
      unbroken: await describeOutcome(lab, whole),
      broken: await describeOutcome(lab, killed),
    };
  } finally {
    await lab.close({ graceful: false });
    await folder.remove();
  }
}

function nameKill(environment: NodeJS.ProcessEnv, moment: Moment | null): void {
  delete environment['NORMLAB_TEST_KILL'];
  if (moment?.kind === 'write') environment['NORMLAB_TEST_KILL'] = `${moment.checkpoint}:${moment.share}`;
}

/** Lets a run go on until its trainer is killed. */
async function killTrainer(lab: Lab, runId: string, environment: NodeJS.ProcessEnv, moment: Moment): Promise<void> {
  nameKill(environment, moment);
  let events = 0;
  const end = lab.runs.observe(() => {
    const pid = lab.runs.trainerPid(runId);
    if (moment.kind === 'write' || pid === undefined) return;
    events += 1;
    if (events === moment.count) void delay(moment.delayMs).then(() => process.kill(pid, 'SIGKILL'));
  });
  lab.runs.resume(runId);
  const [ended] = await lab.runs.whenEnded([runId]);
  end();
  if (ended?.state !== 'lost') {
    throw new Error(`The run was ${ended?.state ?? 'gone'} in place of lost: ${JSON.stringify(moment)}`);
  }
}

/** Starts an application and kills it with its trainer, or lets it come to its end. @returns its notices. */
async function killApplication(
  directory: string,
  environment: NodeJS.ProcessEnv,
  moment: Moment | null,
): Promise<string[]> {
  nameKill(environment, moment);
  const owner = spawn(process.execPath, [applicationEntry, directory], {
    detached: true,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(owner, 'close') as Promise<[status: number | null, signal: string | null]>;
  const notices: string[] = [];
  let events = 0;
  for await (const line of createInterface({ input: owner.stdout })) {
    if (line.startsWith('notice ')) notices.push(line);
    const trainer = Number(line.slice('trainer '.length));
    if (moment?.kind !== 'event' || !(trainer > 0)) continue;
    events += 1;
    if (events !== moment.count) continue;
    await delay(moment.delayMs);
    if (owner.pid !== undefined) process.kill(-owner.pid, 'SIGKILL');
    // Now and then the trainer lives on: it has to end by itself.
    if (moment.delayMs % 3 !== 0) killIfThere(trainer);
  }
  const [status, signal] = await closed;
  const isAsWanted = moment === null ? status === 0 : signal === 'SIGKILL';
  if (!isAsWanted) throw new Error(`The application ended with ${String(status ?? signal)}: ${JSON.stringify(moment)}`);
  return notices;
}

function killIfThere(processId: number): void {
  try {
    process.kill(processId, 'SIGKILL');
  } catch {
    // It ended with its owner.
  }
}

const hexadecimal = (values: ArrayBufferView): string =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');

async function describeOutcome(lab: Lab, runId: string): Promise<Outcome> {
  const run = lab.runs.get(runId);
  const names = lab.metrics.list(runId).map(({ series }) => series);
  const [last] = lab.runs.checkpoints(runId);
  const { progress, state } = await readCheckpoint(
    last?.file ?? '',
    { document: run.document, datasetChecksum: null },
    null,
  );
  const { elapsedSeconds: _elapsed, ...untimed } = progress;
  return {
    state: run.state,
    curves: Object.fromEntries(
      names
        .filter((name) => !isTimingSeries(name))
        .map((name) => {
          const { steps, values } = lab.metrics.read(runId, name);
          return [name, { steps: hexadecimal(steps), values: hexadecimal(values) }];
        }),
    ),
    checkpoint: {
      progress: untimed,
      steps: lab.runs.checkpoints(runId).map(({ step, reasons }) => [step, reasons]),
      tensors: Object.entries(state).map(([name, { shape, values }]) => [name, shape, hexadecimal(values)]),
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [kills = 25, seed = 1] = process.argv.slice(2).map(Number);
  for (const victim of ['trainer', 'application'] as const) {
    const startMs = performance.now();
    const { broken, unbroken, killedInWrites, resumeCount, notices } = await trainWithKills(victim, kills, seed);
    console.log(
      JSON.stringify({
        victim,
        kills,
        seed,
        killedInWrites,
        resumeCount,
        notices,
        states: [unbroken.state, broken.state],
        sameBits: JSON.stringify(broken) === JSON.stringify(unbroken),
        seconds: Math.round((performance.now() - startMs) / 1000),
      }),
    );
  }
}
