import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ParityRecord } from '#shared/protocol.ts';
import type { Engine } from '#trainer/engines/engine.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { checkParity } from '#trainer/parity.ts';
import { createReferenceRun, writeReferenceRun, type ReferenceRun } from './parityFixture.ts';

const zeros = (...shape: number[]) => ({
  shape,
  values: new Float32Array(shape.reduce((product, length) => product * length, 1)),
});

describe('a reference run', () => {
  let engine: Engine;
  let folder: string;
  beforeAll(async () => {
    engine = await openEngine({ kind: 'javascript' });
  });
  afterAll(() => engine.dispose());
  beforeEach(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'normlab-reference-')), 'regression');
  });
  afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }));

  const check = async (change: (reference: ReferenceRun) => void = () => undefined): Promise<ParityRecord> => {
    const reference = createReferenceRun();
    change(reference);
    await writeReferenceRun(folder, reference);
    return checkWritten();
  };
  const checkWritten = async (): Promise<ParityRecord> => {
    const [record] = await checkParity({ directories: [folder] }, engine);
    if (!record) throw new Error('no record');
    return record;
  };

  it('of softmax regression by hand is met within rounding', async () => {
    expect(await check()).toMatchObject({ fixture: 'regression', ok: true, exceeded: [], problem: null });
  });

  it('is not met where one of its values is another', async () => {
    expect(await check(({ expected }) => (expected['evalLoss'] = 1))).toMatchObject({
      ok: false,
      exceeded: ['evalLossAbs'],
    });
    expect(
      await check(({ tensors }) => {
        const gradient = tensors['step0Gradient/fc1/bias'];
        if (gradient) gradient.values[0] = (gradient.values[0] ?? 0) + 1e-4;
      }),
    ).toMatchObject({ ok: false, exceeded: ['step0GradientRel'] });
  });

  it.each<[string, (reference: ReferenceRun) => void, RegExp]>([
    ['a missing tensor', ({ tensors }) => delete tensors['initial/fc1/kernel'], /has no “initial\/fc1\/kernel”/],
    ['a missing key', ({ run }) => delete run['batchSize'], /run\.json: .*batchSize/],
    [
      'an unknown normalizer',
      ({ run }) => Object.assign(run.layers[1] ?? {}, { normalizer: 'magic' }),
      /plain weights and magic/,
    ],
    ['an unknown layer', ({ run }) => run.layers.unshift({ type: 'averagePool' }), /run\.json: .*layers\[0\]\.type/],
    [
      'another shape',
      ({ tensors }) => (tensors['initial/fc1/kernel'] = zeros(2, 4)),
      /\[2,4\] where \[4,2\] is needed/,
    ],
    ['too few batches', ({ run }) => (run['steps'] = 2), /expected\.json has 1 steps, run\.json 2/],
    ['images of another size', ({ tensors }) => (tensors['eval/x'] = zeros(3, 2, 3, 1)), /“eval\/x” is \[3,2,3,1\]/],
    [
      'a label of no class',
      ({ tensors }) => tensors['batch/y']?.values.fill(7),
      /“batch\/y” holds 7, which is none of 2/,
    ],
    ['another number of classes', ({ run }) => (run['classes'] = 3), /evalLogits are not those of 3 classes/],
    [
      'a parameter of no layer',
      ({ tensors }) => (tensors['initial/fc1/tau'] = zeros(2)),
      /“initial\/fc1\/tau” is no parameter/,
    ],
    ['no tolerance', ({ expected }) => (expected['tolerances'] = {}), /nothing would be compared/],
    ['a dense layer on an image', ({ run }) => run.layers.shift(), /fc1 needs a flattened input/],
    [
      'a penalty of a method without one',
      ({ run }) => (run['penalty'] = { type: 'constant', coefficient: 1 }),
      /No normalization has no penalty/,
    ],
  ])('with %s is refused in words', async (_what, change, message) => {
    const record = await check(change);
    expect(record).toMatchObject({ ok: false, problem: expect.stringMatching(message) as string });
    expect(record.problem).toMatch(/^The fixture regression cannot be run: /);
  });

  it('with a damaged file is refused in words', async () => {
    await check();
    const file = join(folder, 'tensors.safetensors');
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, -5));
    expect((await checkWritten()).problem).toMatch(/tensors\.safetensors: .* it is cut short/);
    await rm(file);
    expect((await checkWritten()).problem).toMatch(/tensors\.safetensors cannot be read/);
    await writeFile(join(folder, 'run.json'), '{"layers":');
    expect((await checkWritten()).problem).toMatch(/run\.json is not JSON/);
  });
});
