import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engineVerification } from '#shared/domain/engineVerification.ts';
import { protocolVersion, trainerMessageSchema, type TrainerMessage, type TrainTask } from '#shared/protocol.ts';
import { createTinyLab, type TinyLab } from './tinyDataset.ts';
import { tinyDocument } from './trainHarness.ts';

const entry = join(import.meta.dirname, '../../src/trainer/index.ts');
const engine = { kind: 'javascript' } as const;

class Trainer {
  readonly messages: TrainerMessage[] = [];
  readonly child: ChildProcess;
  /** Exit code or signal. */
  readonly ended: Promise<number | string | null>;
  private waiting: (() => void)[] = [];

  constructor() {
    this.child = fork(entry, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.ended = once(this.child, 'exit').then(([code, signal]) => (code ?? signal) as number | string | null);
    this.child.on('message', (message) => {
      this.messages.push(trainerMessageSchema.parse(message));
      for (const wake of this.waiting.splice(0)) wake();
    });
  }

  /** The first message of a type, as soon as it is there. */
  async next<Type extends TrainerMessage['type']>(type: Type): Promise<Extract<TrainerMessage, { type: Type }>> {
    for (;;) {
      const found = this.messages.find((message) => message.type === type);
      if (found) return found as Extract<TrainerMessage, { type: Type }>;
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  send(message: object): void {
    this.child.send(message);
  }

  sendTask(task: object, version = protocolVersion): void {
    this.send({ type: 'task', protocolVersion: version, task });
  }
}

let trainer: Trainer;
let lab: TinyLab;
beforeEach(async () => {
  lab = await createTinyLab();
  trainer = new Trainer();
});
afterEach(async () => {
  trainer.child.kill('SIGKILL');
  await trainer.ended;
  await lab.remove();
});

/** A run that does not end by itself while a test waits for it. */
function endlessTask(): TrainTask {
  return {
    type: 'train',
    runId: 'run',
    document: tinyDocument({
      length: { unit: 'steps', value: 1_000_000 },
      evaluation: { every: { unit: 'steps', value: 1_000_000 } },
      checkpoints: { every: { unit: 'steps', value: 1_000_000 } },
    }),
    datasetDirectory: lab.datasetDirectory,
    checkpointDirectory: join(lab.directory, 'checkpoints'),
    resumeFrom: null,
    engine,
  };
}

describe('the training process', () => {
  it('says that it is ready, does its task and ends', async () => {
    const ready = await trainer.next('ready');
    expect(ready).toEqual({ type: 'ready', protocolVersion, pid: trainer.child.pid });
    trainer.sendTask({ type: 'describe', engine });
    expect((await trainer.next('described')).engine.kind).toBe('javascript');
    expect(await trainer.ended).toBe(0);
  });

  it('verifies its engine', async () => {
    trainer.sendTask({ type: 'verify', engine });
    expect((await trainer.next('verified')).losses['eagerComposed']).toHaveLength(engineVerification.losses.length);
    expect(await trainer.ended).toBe(0);
  });

  it('times the ways of running a step', async () => {
    const document = tinyDocument({ batchSize: 2 });
    trainer.sendTask({ type: 'bench', engine, document, steps: 1 });
    const { records } = await trainer.next('bench');
    expect(records).toMatchObject([
      {
        mode: 'eager',
        operations: 'composed',
        precision: 'float32',
        architecture: 'paper-cnn',
        method: 'batchNorm',
        batchSize: 2,
        steps: 1,
      },
    ]);
    const { minimum, median, maximum } = records[0]?.samplesPerSecond ?? { minimum: 0, median: 0, maximum: 0 };
    expect(minimum).toBeGreaterThan(0);
    expect([median, maximum]).toEqual([minimum, minimum]);
    expect(await trainer.ended).toBe(0);
  });

  it('stops with a checkpoint when it is told to', async () => {
    trainer.sendTask(endlessTask());
    await trainer.next('metrics');
    trainer.send({ type: 'stop' });
    const finished = await trainer.next('finished');
    const checkpoint = await trainer.next('checkpoint');
    expect(finished.outcome).toBe('stopped');
    expect(checkpoint.step).toBe(finished.summary.steps);
    expect(await trainer.ended).toBe(0);
  });

  it('ends by itself when main is gone', async () => {
    trainer.sendTask(endlessTask());
    await trainer.next('metrics');
    trainer.child.disconnect();
    expect(await trainer.ended).toBe(1);
  });

  it('leaves Ctrl+C to main', async () => {
    await trainer.next('ready');
    trainer.child.kill('SIGINT');
    trainer.sendTask({ type: 'describe', engine });
    await trainer.next('described');
    expect(await trainer.ended).toBe(0);
  });

  it.each<[string, (trainer: Trainer) => void, string]>([
    ['a message that is none', ({ child }) => child.send({ type: 'dance' }), 'invalidArgument'],
    ['a task with an unknown field', (it) => it.sendTask({ type: 'describe', engine, extra: 1 }), 'invalidArgument'],
    ['another version', (it) => it.sendTask({ type: 'describe', engine }, protocolVersion + 1), 'invalidArgument'],
    [
      'a data set that is not there',
      (it) => it.sendTask({ ...endlessTask(), datasetDirectory: join(lab.directory, 'none') }),
      'invalidDataset',
    ],
    [
      'a checkpoint that is not there',
      (it) => it.sendTask({ ...endlessTask(), resumeFrom: join(lab.directory, 'none.safetensors') }),
      'checkpointInvalid',
    ],
    [
      'a TensorFlow that is not there',
      (it) =>
        it.sendTask({
          type: 'describe',
          engine: { kind: 'tensorflow', libraryDirectory: lab.directory, device: 'cpu', threads: null },
        }),
      'engineMissing',
    ],
  ])('fails with a reason on %s', async (_what, send, code) => {
    send(trainer);
    expect((await trainer.next('failed')).error.code).toBe(code);
    expect(await trainer.ended).toBe(1);
  });
});
