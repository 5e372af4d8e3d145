import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serializeSafetensors } from '#files/safetensors.ts';
import {
  checkpointFileName,
  clearCheckpointDirectory,
  readCheckpoint,
  writeCheckpoint,
  type Checkpoint,
} from '#trainer/checkpoint.ts';
import type { TensorSpecification } from '#trainer/engines/engine.ts';
import { createProgress } from '#trainer/progress.ts';
import { tinyDocument } from './trainHarness.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'normlab-checkpoint-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const document = tinyDocument();
const context = { document, datasetChecksum: 'a'.repeat(64), engine: 'test', stepsPerEpoch: 11 };
const specifications: Record<string, TensorSpecification> = {
  'parameters/fc1/kernel': { shape: [2, 2], dtype: 'float32' },
  'parameters/fc1/bias': { shape: [2], dtype: 'float32' },
};
const checkpoint: Checkpoint = {
  progress: {
    ...createProgress(),
    step: 25,
    interval: { steps: 3, lossSum: 0.1 + 0.2, correctCount: 7 },
    lastTrainLoss: 1 / 3,
    elapsedSeconds: 12.5,
  },
  state: {
    'parameters/fc1/kernel': { shape: [2, 2], values: Float32Array.of(0.1, -0, 1e-42, 3) },
    'parameters/fc1/bias': { shape: [2], values: Float32Array.of(1, 2) },
  },
};

it('gives back exactly what was written', async () => {
  const { file, bytes } = await writeCheckpoint(directory, checkpoint, context);
  expect(file).toBe(join(directory, 'step-000000025.safetensors'));
  expect((await readFile(file)).length).toBe(bytes);
  expect(await readdir(directory)).toEqual(['step-000000025.safetensors']);
  expect(await readCheckpoint(file, context, specifications)).toEqual(checkpoint);
});

it('takes one whose document is from before a field was added', async () => {
  const { warmUp: _, augmentation: __, ...older } = document;
  const { file } = await writeCheckpoint(directory, checkpoint, { ...context, document: older as typeof document });
  expect(await readCheckpoint(file, context, specifications)).toEqual(checkpoint);
});

it('says in its metadata what it is', async () => {
  const { file } = await writeCheckpoint(directory, checkpoint, context);
  const bytes = await readFile(file);
  const header = JSON.parse(bytes.subarray(8, 8 + bytes.readUInt32LE(0)).toString()) as {
    __metadata__: Record<string, string>;
  };
  expect(header.__metadata__).toMatchObject({ format: 'normlab.checkpoint', version: '1' });
  expect(JSON.parse(header.__metadata__['description'] ?? '')).toMatchObject({
    document,
    engine: 'test',
    dataOrder: { epoch: 2, batch: 3 },
    progress: { step: 25 },
  });
});

describe('readCheckpoint', () => {
  async function damagedBy(change: (bytes: Buffer) => Buffer): Promise<string> {
    const { file } = await writeCheckpoint(directory, checkpoint, context);
    await writeFile(file, change(await readFile(file)));
    return file;
  }
  const refusal = (message: RegExp): Error =>
    expect.objectContaining({ code: 'checkpointInvalid', message: expect.stringMatching(message) as string }) as Error;

  it.each<[string, (bytes: Buffer) => Buffer, RegExp]>([
    ['a cut file', (bytes) => bytes.subarray(0, -1), /cut short/],
    ['an empty file', (bytes) => bytes.subarray(0, 0), /0 bytes/],
    [
      'a changed value',
      (bytes) => {
        const changed = Buffer.from(bytes);
        changed[bytes.length - 1] = 1;
        return changed;
      },
      /checksum does not match/,
    ],
    [
      'a changed description',
      (bytes) => Buffer.from(bytes.toString('latin1').replace('correctCount\\":7', 'correctCount\\":8'), 'latin1'),
      /checksum does not match/,
    ],
  ])('refuses %s', async (_what, change, message) => {
    const file = await damagedBy(change);
    await expect(readCheckpoint(file, context, specifications)).rejects.toThrow(refusal(message));
  });

  it('refuses what belongs to another run, data set or network', async () => {
    const { file } = await writeCheckpoint(directory, checkpoint, context);
    await expect(
      readCheckpoint(file, { ...context, document: tinyDocument({ seed: 9 }) }, specifications),
    ).rejects.toThrow(refusal(/other settings/));
    await expect(readCheckpoint(file, { ...context, datasetChecksum: 'b'.repeat(64) }, specifications)).rejects.toThrow(
      refusal(/data set has changed/),
    );
    await expect(
      readCheckpoint(file, context, { ...specifications, extra: { shape: [1], dtype: 'float32' } }),
    ).rejects.toThrow(refusal(/“extra” is missing/));
    await expect(
      readCheckpoint(file, context, { 'parameters/fc1/kernel': { shape: [2, 2], dtype: 'float32' } }),
    ).rejects.toThrow(refusal(/“parameters\/fc1\/bias” is not part/));
    await expect(
      readCheckpoint(file, context, { ...specifications, 'parameters/fc1/bias': { shape: [2, 1], dtype: 'float32' } }),
    ).rejects.toThrow(refusal(/not float32 of shape \[2, 1\]/));
  });

  it('reads what a version with fewer fields wrote of the same run', async () => {
    const { diagnostics: _diagnostics, initialWeights: _initialWeights, ...fewer } = document;
    const { file } = await writeCheckpoint(directory, checkpoint, { ...context, document: fewer as typeof document });
    expect(await readCheckpoint(file, context, specifications)).toEqual(checkpoint);
    const other = { ...context, document: { ...document, batchSize: 8 } };
    await expect(readCheckpoint(file, other, specifications)).rejects.toThrow(/other settings/);
  });

  it('refuses other safetensors files, and a file that is not there', async () => {
    const file = join(directory, 'weights.safetensors');
    await writeFile(file, Buffer.concat(serializeSafetensors(checkpoint.state)));
    await expect(readCheckpoint(file, context, specifications)).rejects.toThrow(refusal(/is no checkpoint/));
    await expect(readCheckpoint(join(directory, 'none'), context, specifications)).rejects.toThrow(
      refusal(/cannot be read/),
    );
  });
});

it('clears a folder of what killed trainers left and of steps that are given up, and of nothing else', async () => {
  const write = (name: string): Promise<void> => writeFile(join(directory, name), '');
  await Promise.all([3, 10, 12].map((step) => write(checkpointFileName(step))));
  await write('notes.txt');
  // A trainer that still waits for the run's lock writes no checkpoint: the temporary file is not its own.
  await write(`.step-000000001.safetensors.${process.pid}-0123456789ab.tmp`);
  await mkdir(join(directory, '.trainer.99999999'));
  await clearCheckpointDirectory(directory, 10);
  expect((await readdir(directory)).toSorted()).toEqual(['notes.txt', checkpointFileName(3), checkpointFileName(10)]);
});
