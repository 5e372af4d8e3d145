import type * as FileSystem from 'node:fs/promises';
import { mkdtemp, readFile, readdir, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { checkpointFileName, readCheckpoint, writeCheckpoint, type Checkpoint } from '#trainer/checkpoint.ts';
import { createProgress } from '#trainer/progress.ts';
import { tinyDocument } from './trainHarness.ts';

/** How the file system fails: what a call throws, and the bytes that it takes before. */
const failure = vi.hoisted(() => ({ call: null as 'open' | 'write' | 'sync' | 'rename' | null, code: '', room: 0 }));

vi.mock('node:fs/promises', async (importOriginal) => {
  const original = await importOriginal<typeof FileSystem>();
  const failAt = (call: typeof failure.call): void => {
    if (failure.call === call) throw Object.assign(new Error(`${failure.code}: failed`), { code: failure.code });
  };
  async function writeWhatFits(handle: FileHandle, chunks: Iterable<Uint8Array>): Promise<void> {
    let { room } = failure;
    for (const chunk of chunks) {
      const fits = chunk.subarray(0, room);
      if (fits.length > 0) await handle.write(fits);
      room -= fits.length;
      if (fits.length < chunk.length) failAt('write');
    }
  }
  return {
    ...original,
    open: async (...parameters: Parameters<typeof original.open>) => {
      if (parameters[1] === 'wx') failAt('open');
      const handle = await original.open(...parameters);
      if (parameters[1] !== 'wx') return handle;
      const [write, sync] = [handle.writeFile.bind(handle), handle.sync.bind(handle)];
      handle.writeFile = (data) =>
        failure.call === 'write' ? writeWhatFits(handle, data as Iterable<Uint8Array>) : write(data);
      handle.sync = async () => {
        failAt('sync');
        await sync();
      };
      return handle;
    },
    rename: async (...parameters: Parameters<typeof original.rename>) => {
      failAt('rename');
      await original.rename(...parameters);
    },
  };
});

const document = tinyDocument();
const context = { document, datasetChecksum: 'a'.repeat(64), engine: 'test', stepsPerEpoch: 11 };
const checkpointOf = (step: number): Checkpoint => ({
  progress: { ...createProgress(), step, lastTrainLoss: 1 / step },
  state: {
    'parameters/fc1/kernel': {
      shape: [5, 7],
      values: Float32Array.from({ length: 35 }, (_, index) => step / (index + 1)),
    },
    'slots/fc1/kernel/momentum': { shape: [3], values: Float32Array.of(step, -0, 1e-42) },
  },
});

it('leaves the checkpoints before whole, and nothing of its own, wherever writing fails', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'normlab-full-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  onTestFinished(() => {
    failure.call = null;
  });
  const earlier = await writeCheckpoint(directory, checkpointOf(3), context);
  const before = await readFile(earlier.file);
  const { file: same } = await writeCheckpoint(directory, checkpointOf(4), context);
  const rewritten = await readFile(same);

  async function expectFailure(step: number, error: object): Promise<void> {
    await expect(writeCheckpoint(directory, checkpointOf(step), context)).rejects.toMatchObject(error);
    expect(await readdir(directory)).toEqual([checkpointFileName(3), checkpointFileName(4)]);
    expect((await readFile(earlier.file)).equals(before)).toBe(true);
    expect((await readFile(same)).equals(rewritten)).toBe(true);
    expect(await readCheckpoint(earlier.file, context, null)).toEqual(checkpointOf(3));
  }
  const diskFull = {
    code: 'diskFull',
    message: expect.stringMatching(/disk.*full|no.*(room|space)/i) as string,
    hint: expect.stringMatching(/free/i) as string,
  };

  // Every seventh byte, and all around the ends; of a new file and of one that is there already.
  const { length } = rewritten;
  const places = Array.from({ length }, (_, byte) => byte);
  const sample = places.filter((byte) => byte % 7 === 0 || byte < 16 || byte > length - 16);
  for (const room of sample) {
    Object.assign(failure, { call: 'write', code: 'ENOSPC', room });
    await expectFailure(room % 2 === 0 ? 5 : 4, diskFull);
  }
  for (const call of ['open', 'sync', 'rename'] as const) {
    Object.assign(failure, { call, code: 'ENOSPC' });
    await expectFailure(5, diskFull);
    Object.assign(failure, { call, code: 'EIO' });
    await expectFailure(4, { code: 'labNotWritable' });
  }

  failure.call = null;
  const { file } = await writeCheckpoint(directory, checkpointOf(5), context);
  expect(await readCheckpoint(file, context, null)).toEqual(checkpointOf(5));
});
