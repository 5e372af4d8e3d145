import { mkdtemp, rm } from 'node:fs/promises';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { trainerLauncher } from '#main/runs/trainerLauncher.ts';
import { TrainerProcess, type TrainerEnding } from '#main/runs/trainerProcess.ts';
import { benchEngine, describeEngine, trainVerificationNetwork } from '#main/runs/trainerTask.ts';
import { parseRunDocument } from '#shared/domain/run.ts';
import type { TrainerMessage, TrainTask } from '#shared/protocol.ts';
import { fakeLauncher } from './fakes.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'normlab-trainer-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

function trainTask(): TrainTask {
  return {
    type: 'train',
    runId: 'run-1',
    document: parseRunDocument({ dataset: { id: 'fake' } }),
    datasetDirectory: directory,
    checkpointDirectory: directory,
    resumeFrom: null,
    engine: { kind: 'javascript' },
  };
}

function start(
  behaviour: string,
  onMessage: (message: TrainerMessage, trainer: TrainerProcess) => void = () => undefined,
  timeouts = {},
): TrainerProcess {
  const trainer: TrainerProcess = new TrainerProcess(
    fakeLauncher(behaviour),
    trainTask(),
    (message) => {
      onMessage(message, trainer);
    },
    timeouts,
  );
  return trainer;
}

const errorOf = (ending: TrainerEnding): unknown => ('error' in ending ? ending.error : ending);

describe('a trainer process', () => {
  it('does its task and reports every message in order', async () => {
    const types: string[] = [];
    const ending = await start('normal', (message) => types.push(message.type)).ended;
    expect(types.slice(0, 4)).toEqual(['ready', 'prepared', 'metrics', 'metrics']);
    expect(types.at(-1)).toBe('finished');
    expect(ending).toMatchObject({ kind: 'result', result: { type: 'finished', outcome: 'done' } });
  });

  it('loses no message of a chatty trainer', async () => {
    let count = 0;
    await start('chatty', () => (count += 1)).ended;
    // ready, prepared, 20 × (100 + 1) metrics, validation, 4 checkpoints, finished
    expect(count).toBe(1 + 1 + 20 * 101 + 1 + 4 + 1);
  });

  it('stops on request with a checkpoint, also where the wish comes before the task', async () => {
    const trainer = start('endless');
    trainer.stop();
    expect(await trainer.ended).toMatchObject({ kind: 'result', result: { outcome: 'stopped' } });
  });

  it('lets interface and main go first', async () => {
    const trainer = start('endless');
    expect(getPriority(trainer.pid)).toBe(10);
    trainer.stop();
    await trainer.ended;
  });

  it('is lost with the reason where it is killed from outside', async () => {
    const ending = await start('crash').ended;
    expect(ending.kind).toBe('lost');
    expect(errorOf(ending)).toMatchObject({
      code: 'trainerLost',
      message: expect.stringContaining('memory ran out') as string,
      hint: expect.stringContaining('smaller batch size') as string,
    });
  });

  it('is lost with status and last lines where it ends by itself', async () => {
    const ending = await start('exit').ended;
    expect(errorOf(ending)).toMatchObject({
      code: 'trainerLost',
      message: expect.stringContaining('exit status 3') as string,
      cause: 'a last word',
    });
  });

  it('passes on what a trainer says about its failure', async () => {
    expect(await start('fail').ended).toEqual({
      kind: 'failed',
      error: { code: 'engineFailed', message: 'No engine here.', hint: 'Get one.' },
    });
  });

  it.each(['garbage', 'future'])('ends a trainer that speaks another language (%s)', async (behaviour) => {
    const ending = await start(behaviour).ended;
    expect(ending.kind).toBe('lost');
    expect(errorOf(ending)).toMatchObject({ code: 'engineFailed' });
  });

  it('ends a trainer that never says it is ready', async () => {
    const trainer = start('mute', undefined, { startMs: 50 });
    expect(errorOf(await trainer.ended)).toMatchObject({ message: 'The trainer process did not start in time.' });
  });

  it('kills at once', async () => {
    const trainer = start('hang', (message) => {
      if (message.type === 'checkpoint' && message.step === 10) trainer.kill();
    });
    expect(await trainer.ended).toEqual({ kind: 'killed' });
  });

  it('ends the trainer where this side cannot go on', async () => {
    const ending = await start('endless', (message) => {
      if (message.type === 'metrics') throw new Error('no room');
    }).ended;
    expect(errorOf(ending)).toMatchObject({ code: 'internal', message: expect.stringContaining('no room') as string });
  });

  it('says so where there is no such program', async () => {
    const trainer = new TrainerProcess(
      trainerLauncher({ executable: join(directory, 'absent') }),
      trainTask(),
      () => undefined,
    );
    expect(errorOf(await trainer.ended)).toMatchObject({ message: 'The trainer process could not be started.' });
  });
});

describe('no orphan', () => {
  const isAlive = (pid: number): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };

  it.each(['SIGKILL', 'SIGTERM'] as const)('stays behind when main is ended by %s', async (signal) => {
    const owner = spawn(
      process.execPath,
      [fileURLToPath(new URL('fixtures/trainerOwner.ts', import.meta.url)), directory],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const trainerPid = await new Promise<number>((resolve) => {
      owner.stdout.setEncoding('utf8').once('data', (text: string) => {
        resolve(Number(text));
      });
    });
    expect(isAlive(trainerPid)).toBe(true);
    owner.kill(signal);
    await vi.waitUntil(() => !isAlive(trainerPid), { timeout: 10_000 });
  });
});

describe('short tasks', () => {
  const location = { kind: 'javascript' } as const;

  it('describe, verify and measure an engine', async () => {
    const document = parseRunDocument({ dataset: { id: 'fake' } });
    expect(await describeEngine(fakeLauncher(), location)).toMatchObject({ residentMemoryBytes: 5 });
    expect(await trainVerificationNetwork(fakeLauncher(), location)).toMatchObject({ losses: { eager: [1] } });
    expect(await benchEngine(fakeLauncher(), { engine: location, document, steps: 1 })).toEqual([]);
  });

  it('are cancelled by their signal', async () => {
    const abort = new AbortController();
    const described = describeEngine(fakeLauncher(), location, abort.signal);
    abort.abort();
    await expect(described).rejects.toMatchObject({ code: 'cancelled' });
  });
});
