import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EnginePackage } from '#main/engines/enginePackages.ts';
import { cpuWheelFiles, createEngineFixture, makePackage } from './engineFixture.ts';

let fixture: Awaited<ReturnType<typeof createEngineFixture>>;
let cpu: EnginePackage;

beforeEach(async () => {
  fixture = await createEngineFixture();
  cpu = makePackage('tensorflow-cpu', [await fixture.addWheel('tensorflow-cpu', cpuWheelFiles)]);
});
afterEach(() => fixture.remove());

/** What is left in the cache besides the lock and what was learned. */
const cacheNames = async (): Promise<string[]> =>
  (await readdir(fixture.cacheDirectory)).filter((name) => !['install.lock', 'outcomes.json'].includes(name)).sort();

describe('installing an engine', () => {
  it('keeps the needed libraries with a manifest and nothing else', async () => {
    const service = fixture.createService([cpu]);
    const phases: string[] = [];
    const status = await service.install('tensorflow-cpu', { onProgress: ({ phase }) => phases.push(phase) });
    expect(status).toMatchObject({ state: 'ready', chosen: true, location: { kind: 'tensorflow', device: 'cpu' } });
    expect(await cacheNames()).toEqual(['tensorflow-cpu-1.0']);
    const engine = join(fixture.cacheDirectory, 'tensorflow-cpu-1.0');
    expect((await readdir(engine, { recursive: true })).sort()).toEqual([
      'engine.json',
      'tensorflow',
      'tensorflow/libtensorflow_cc.so.2',
      'tensorflow/libtensorflow_framework.so.2',
    ]);
    // printf framework | sha256sum
    expect(JSON.parse(await readFile(join(engine, 'engine.json'), 'utf8'))).toMatchObject({
      files: {
        'tensorflow/libtensorflow_framework.so.2': {
          bytes: 9,
          sha256: '06a61df042ad775e8bdd27666ac077a3331e5eb3215d0351ba292bce7e96505b',
        },
      },
    });
    expect(new Set(phases)).toEqual(new Set([`Downloading ${cpu.title}`, `Unpacking ${cpu.title}`]));
  });

  it('is done once where two processes want it at the same time', async () => {
    const services = [fixture.createService([cpu]), fixture.createService([cpu])];
    const statuses = await Promise.all(services.map((service) => service.install('tensorflow-cpu')));
    expect(statuses.map(({ state }) => state)).toEqual(['ready', 'ready']);
    expect(await fixture.pipCalls()).toEqual(['tensorflow-cpu']);
  });

  it('stops pip and leaves nothing behind when cancelled', async () => {
    await fixture.setPip('hang:tensorflow-cpu');
    const controller = new AbortController();
    const installing = fixture.createService([cpu]).install('tensorflow-cpu', { signal: controller.signal });
    const pid = await vi.waitFor(async () => {
      const started = await fixture.pipPid();
      expect(started).not.toBeNull();
      return started ?? 0;
    });
    controller.abort();
    await expect(installing).rejects.toMatchObject({ code: 'cancelled' });
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(await cacheNames()).toEqual(['downloads']);
    expect(await readdir(join(fixture.cacheDirectory, 'downloads'))).toEqual([]);
  });

  it('uses after an interruption the wheels that were complete', async () => {
    const second = await fixture.addWheel('nvidia-cudnn-cu12', { 'nvidia/cudnn/lib/libcudnn.so.9': 'cudnn' });
    const both = makePackage('tensorflow-cpu', [...cpu.wheels, second]);
    await fixture.setPip('hang:nvidia-cudnn-cu12');
    const controller = new AbortController();
    const service = fixture.createService([both]);
    const installing = service.install('tensorflow-cpu', { signal: controller.signal });
    await vi.waitFor(async () => expect(await fixture.pipPid()).not.toBeNull());
    controller.abort();
    await expect(installing).rejects.toMatchObject({ code: 'cancelled' });
    await fixture.setPip('ok');
    await service.install('tensorflow-cpu');
    expect(await fixture.pipCalls()).toEqual(['tensorflow-cpu', 'nvidia-cudnn-cu12', 'nvidia-cudnn-cu12']);
    const libraries = await readdir(join(fixture.cacheDirectory, 'tensorflow-cpu-1.0', 'nvidia/cudnn/lib'));
    expect(libraries).toEqual(['libcudnn.so.9']);
  });

  it('refuses other bytes than the pinned ones, also where pip let them pass', async () => {
    await fixture.addWheel('tensorflow-cpu', { ...cpuWheelFiles, 'tensorflow/libtensorflow_cc.so.2': 'OPERATIONS' });
    await expect(fixture.createService([cpu]).install('tensorflow-cpu')).rejects.toMatchObject({
      code: 'downloadFailed',
    });
    expect(await cacheNames()).toEqual(['downloads']);
  });

  it('repairs a damaged engine', async () => {
    const service = fixture.createService([cpu]);
    await service.install('tensorflow-cpu');
    const library = join(fixture.cacheDirectory, 'tensorflow-cpu-1.0/tensorflow/libtensorflow_cc.so.2');
    await writeFile(library, 'oper');
    expect(await service.verifyFiles('tensorflow-cpu')).toEqual([
      'tensorflow/libtensorflow_cc.so.2 has 4 bytes instead of 10',
    ]);
    expect((await service.list())[1]).toMatchObject({
      state: 'installable',
      reason: expect.stringMatching(/^Files of it are missing or cut short; .*engines install/) as string,
    });
    await service.install('tensorflow-cpu');
    expect(await readFile(library, 'utf8')).toBe('operations');
    // Changed, and of the same size.
    await writeFile(library, 'OPERATIONS');
    await service.install('tensorflow-cpu');
    expect(await readFile(library, 'utf8')).toBe('operations');
    expect(await cacheNames()).toEqual(['tensorflow-cpu-1.0']);
  });

  it('says what is wrong with the files of an engine', async () => {
    const service = fixture.createService([cpu]);
    await expect(service.verifyFiles('tensorflow-cpu')).rejects.toMatchObject({ code: 'engineMissing' });
    await service.install('tensorflow-cpu');
    expect(await service.verifyFiles('tensorflow-cpu')).toEqual([]);
    const directory = join(fixture.cacheDirectory, 'tensorflow-cpu-1.0/tensorflow');
    await writeFile(join(directory, 'libtensorflow_cc.so.2'), 'OPERATIONS');
    expect(await service.verifyFiles('tensorflow-cpu')).toEqual([
      'tensorflow/libtensorflow_cc.so.2 has other contents than were installed',
    ]);
    await rm(join(directory, 'libtensorflow_framework.so.2'));
    expect(await service.verifyFiles('tensorflow-cpu')).toContain('tensorflow/libtensorflow_framework.so.2 is missing');
  });

  it('asks for more space than there is before it downloads', async () => {
    const huge = { ...cpu, installedBytes: 1e18 };
    await expect(fixture.createService([huge]).install('tensorflow-cpu')).rejects.toMatchObject({ code: 'diskFull' });
    expect(await fixture.pipCalls()).toEqual([]);
  });

  it('says that the cache cannot be written', async () => {
    await writeFile(join(fixture.root, 'file'), '');
    const service = fixture.createService([cpu], { cacheDirectory: join(fixture.root, 'file', 'cache') });
    await expect(service.install('tensorflow-cpu')).rejects.toMatchObject({
      code: 'engineMissing',
      hint: expect.stringContaining('NORMLAB_ENGINE_DIR') as string,
    });
  });

  it('says that pip is missing, or too old', async () => {
    await fixture.setPipVersion('pip 18.1 from /somewhere (python 3.6)');
    const service = fixture.createService([cpu]);
    await expect(service.install('tensorflow-cpu')).rejects.toMatchObject({
      code: 'downloadFailed',
      message: expect.stringContaining('only version 18.1') as string,
    });
    fixture.environment['PATH'] = join(fixture.root, 'none');
    await expect(service.install('tensorflow-cpu')).rejects.toMatchObject({
      message: 'TensorFlow is downloaded with pip, and neither pip nor a Python that brings it was found.',
    });
  });

  it('refuses a wheel that is not a sound archive', async () => {
    const pin = { ...cpu.wheels[0], sha256: '', bytes: 5 };
    const path = join(fixture.root, 'broken.whl');
    await writeFile(path, 'hello');
    // printf hello | sha256sum
    const sha256 = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
    const broken = makePackage('tensorflow-cpu', [
      { project: 'tensorflow-cpu', version: '1.0', fileName: 'broken.whl', ...pin, sha256 },
    ]);
    await expect(fixture.createService([broken]).install('tensorflow-cpu', { wheelFile: path })).rejects.toMatchObject({
      code: 'downloadFailed',
    });
    expect(await cacheNames()).toEqual(['downloads']);
  });
});

describe('a wheel carried by hand', () => {
  it('installs without pip', async () => {
    fixture.environment['PATH'] = '';
    const [wheel] = cpu.wheels;
    if (wheel === undefined) throw new Error('the package has a wheel');
    const service = fixture.createService([cpu]);
    const status = await service.install('tensorflow-cpu', { wheelFile: fixture.wheelPath(wheel) });
    expect(status.state).toBe('ready');
    // The user's file stays.
    expect((await readFile(fixture.wheelPath(wheel))).length).toBe(wheel.bytes);
  });

  it('is refused where it is missing or another one', async () => {
    const service = fixture.createService([cpu]);
    const other = join(fixture.root, 'other.whl');
    await writeFile(other, 'something else');
    for (const wheelFile of [other, join(fixture.root, 'nothing.whl')]) {
      await expect(service.install('tensorflow-cpu', { wheelFile })).rejects.toMatchObject({ code: 'downloadFailed' });
    }
    expect((await service.list()).find(({ chosen }) => chosen)?.id).toBe('javascript');
  });

  it('comes as a folder where an engine needs several', async () => {
    const second = await fixture.addWheel('nvidia-cudnn-cu12', { 'nvidia/cudnn/lib/libcudnn.so.9': 'cudnn' });
    const both = makePackage('tensorflow-cpu', [...cpu.wheels, second]);
    const service = fixture.createService([both]);
    const file = fixture.wheelPath(second);
    await expect(service.install('tensorflow-cpu', { wheelFile: file })).rejects.toMatchObject({
      message: expect.stringContaining('needs 2 wheels') as string,
    });
    const status = await service.install('tensorflow-cpu', { wheelFile: join(file, '..') });
    expect(status.state).toBe('ready');
  });
});
