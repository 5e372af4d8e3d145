import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EnginePackage } from '#main/engines/enginePackages.ts';
import { LabError } from '#shared/errors.ts';
import { cpuWheelFiles, createEngineFixture, makePackage } from './engineFixture.ts';

let fixture: Awaited<ReturnType<typeof createEngineFixture>>;
let cpu: EnginePackage;
let cuda: EnginePackage;
const nvidiaDriver = { version: '550.54.15', libraryFound: true };
const withCard = { machine: { platform: 'linux', architecture: 'x64', nvidiaDriver } };

beforeEach(async () => {
  fixture = await createEngineFixture();
  cpu = makePackage('tensorflow-cpu', [await fixture.addWheel('tensorflow-cpu', cpuWheelFiles)]);
  cuda = makePackage('tensorflow-cuda', [await fixture.addWheel('tensorflow', cpuWheelFiles)]);
});
afterEach(() => fixture.remove());

/** Whoever ends on the last rung is told what that means. */
const slowNote = { message: 'Training goes on in plain JavaScript, hundreds of times slower.' };

describe('the ladder', () => {
  it('says of every engine whether it can be used, and why not', async () => {
    const ladder = await fixture.createService([cuda, cpu]).list();
    expect(ladder.map(({ id, state, chosen, bytes }) => ({ id, state, chosen, bytes }))).toEqual([
      { id: 'tensorflow-cuda', state: 'unavailable', chosen: false, bytes: null },
      { id: 'tensorflow-cpu', state: 'installable', chosen: false, bytes: cpu.wheels[0]?.bytes },
      { id: 'javascript', state: 'ready', chosen: true, bytes: 0 },
    ]);
    expect(ladder[0]?.reason).toBe('No NVIDIA driver was found.');
    expect(ladder[1]?.reason).toContain('engines install tensorflow-cpu');
    expect(fixture.described).toEqual([]);
  });

  it('offers the CUDA build where there is a driver', async () => {
    const service = fixture.createService([cuda, cpu], withCard);
    expect((await service.list()).map(({ state }) => state)).toEqual(['installable', 'installable', 'ready']);
    expect(await service.choose('auto')).toMatchObject({
      id: 'tensorflow-cuda',
      location: { device: 'gpu' },
      notes: [],
    });
    expect(await fixture.pipCalls()).toEqual(['tensorflow']);
  });

  it('has only JavaScript where nothing is built for the platform', async () => {
    const machine = { platform: 'sunos', architecture: 'x64', nvidiaDriver: null };
    const service = fixture.createService([], { machine });
    expect((await service.list()).map(({ state }) => state)).toEqual(['unavailable', 'unavailable', 'ready']);
    const choice = await service.choose('auto');
    expect(choice.id).toBe('javascript');
    expect(choice.notes[0]?.message).toContain('sunos');
    await expect(service.install('tensorflow-cpu')).rejects.toMatchObject({ code: 'engineMissing' });
  });

  it('describes what is ready by asking it', async () => {
    const service = fixture.createService([cpu]);
    await service.install('tensorflow-cpu');
    const ladder = await service.list({ describe: true });
    expect(ladder.map(({ residentMemoryBytes }) => residentMemoryBytes)).toEqual([null, 1e8, 1e8]);
    fixture.failingDevices.set('cpu', new LabError('engineFailed', 'The library needs a newer glibc.', 'Update.'));
    expect((await service.list({ describe: true })).map(({ state, chosen }) => [state, chosen])).toEqual([
      ['unavailable', false],
      ['unavailable', false],
      ['ready', true],
    ]);
  });
});

describe('choosing an engine', () => {
  it('installs one where none is there, and loads it only the first time', async () => {
    const service = fixture.createService([cpu]);
    const location = {
      kind: 'tensorflow',
      libraryDirectory: join(fixture.cacheDirectory, 'tensorflow-cpu-1.0', 'tensorflow'),
      device: 'cpu',
      threads: null,
    };
    expect(await service.choose('auto')).toEqual({ id: 'tensorflow-cpu', location, notes: [] });
    expect(await service.choose('tensorflow')).toEqual({ id: 'tensorflow-cpu', location, notes: [] });
    expect(await fixture.createService([cpu]).choose('auto')).toMatchObject({ id: 'tensorflow-cpu' });
    expect(fixture.described).toEqual(['cpu']);
    expect(await fixture.pipCalls()).toEqual(['tensorflow-cpu']);
  });

  it('takes JavaScript without a connection, says why, and does not try again at each start', async () => {
    await fixture.setPip('network');
    const service = fixture.createService([cpu]);
    const first = await service.choose('auto');
    expect(first.location).toEqual({ kind: 'javascript' });
    expect(first.notes).toMatchObject([{ code: 'downloadFailed' }, slowNote]);
    expect(first.notes[0]?.message).toContain('no connection');
    const second = await service.choose('auto');
    expect(second.notes[0]?.hint).toContain('engines install tensorflow-cpu');
    expect(await fixture.pipCalls()).toHaveLength(1);
    expect((await service.list())[1]?.reason).toContain('The last attempt failed');

    // Asked for by name it is tried at once.
    await fixture.setPip('ok');
    await service.install('tensorflow-cpu');
    expect(await service.choose('auto')).toMatchObject({ id: 'tensorflow-cpu', notes: [] });
  });

  it('fails where TensorFlow is asked for and cannot be had', async () => {
    await fixture.setPip('network');
    await expect(fixture.createService([cpu]).choose('tensorflow')).rejects.toMatchObject({ code: 'engineMissing' });
  });

  it('does not install where that is not wanted', async () => {
    expect(await fixture.createService([cpu]).choose('auto', { install: false })).toMatchObject({ id: 'javascript' });
    expect(await fixture.pipCalls()).toEqual([]);
  });

  it('takes the next rung where an engine does not load', async () => {
    fixture.failingDevices.set('gpu', new LabError('engineFailed', 'No CUDA device was found.', 'Check the driver.'));
    const service = fixture.createService([cuda, cpu], withCard);
    const choice = await service.choose('auto');
    expect(choice).toMatchObject({ id: 'tensorflow-cpu', notes: [{ message: 'No CUDA device was found.' }] });
    expect(await service.choose('auto')).toMatchObject({ id: 'tensorflow-cpu' });
    expect(fixture.described).toEqual(['gpu', 'cpu']);
    // Another driver is another try.
    fixture.failingDevices.clear();
    const machine = { ...withCard.machine, nvidiaDriver: { ...nvidiaDriver, version: '560.1' } };
    expect(await fixture.createService([cuda, cpu], { machine }).choose('auto')).toMatchObject({
      id: 'tensorflow-cuda',
    });
  });

  it('does not hold a passing failure against an engine', async () => {
    const service = fixture.createService([cpu]);
    fixture.failingDevices.set('cpu', new Error('out of memory just now'));
    expect(await service.choose('auto')).toMatchObject({ id: 'javascript', notes: [{ code: 'internal' }, slowNote] });
    fixture.failingDevices.clear();
    expect(await service.choose('auto')).toMatchObject({ id: 'tensorflow-cpu' });
  });
});

describe('NORMLAB_TENSORFLOW', () => {
  async function addTensorFlow(folder: string): Promise<string> {
    const directory = join(fixture.root, folder, 'tensorflow');
    await mkdir(join(directory, 'python/platform'), { recursive: true });
    await writeFile(join(directory, 'libtensorflow_framework.so.2'), 'framework');
    await writeFile(join(directory, 'libtensorflow_cc.so.2'), 'operations');
    return directory;
  }

  it('names site-packages, its tensorflow folder or a library in it', async () => {
    const libraryDirectory = await addTensorFlow('site-packages');
    for (const given of ['', 'tensorflow', 'tensorflow/libtensorflow_cc.so.2']) {
      fixture.environment['NORMLAB_TENSORFLOW'] = join(fixture.root, 'site-packages', given);
      expect(await fixture.createService([cpu]).choose('auto')).toMatchObject({
        location: { libraryDirectory, device: 'cpu' },
      });
    }
    expect(await fixture.pipCalls()).toEqual([]);
  });

  it('is used on the card where it is built with CUDA and there is a driver', async () => {
    const directory = await addTensorFlow('site-packages');
    await writeFile(
      join(directory, 'python/platform/build_info.py'),
      "build_info = collections.OrderedDict([('is_cuda_build', True), ('is_rocm_build', False)])",
    );
    fixture.environment['NORMLAB_TENSORFLOW'] = directory;
    expect(await fixture.createService([cpu], withCard).choose('auto')).toMatchObject({ location: { device: 'gpu' } });
    expect(await fixture.createService([cpu]).choose('auto')).toMatchObject({ location: { device: 'cpu' } });
  });

  it('is an error where no TensorFlow is there, rather than another engine in silence', async () => {
    fixture.environment['NORMLAB_TENSORFLOW'] = fixture.root;
    const service = fixture.createService([cpu]);
    await expect(service.choose('auto')).rejects.toMatchObject({ code: 'engineMissing' });
    expect((await service.list())[1]).toMatchObject({ state: 'unavailable' });
    expect(await readFile(join(fixture.root, 'bin', 'python3'), 'utf8')).toContain('pip');
  });
});
