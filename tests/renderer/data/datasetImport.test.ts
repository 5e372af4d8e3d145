import { createPinia, setActivePinia } from 'pinia';
import { beforeEach, expect, test } from 'vitest';
import { LabError } from '#shared/errors.ts';
import { plainPage, type Host } from '../../../src/renderer/data/host.ts';
import { useDatasetImport } from '../../../src/renderer/stores/datasetImport.ts';
import { connectLab } from '../../../src/renderer/stores/lab.ts';
import { useMachine } from '../../../src/renderer/stores/machine.ts';
import { FormLab } from '../experimentForm/formLab.ts';

let lab: FormLab;

function open(host: Partial<Host> = {}): ReturnType<typeof useDatasetImport> {
  connectLab(lab, { ...plainPage, ...host });
  setActivePinia(createPinia());
  useMachine().start();
  return useDatasetImport();
}

beforeEach(() => {
  lab = new FormLab();
});

test('a path is looked at, named and imported, with cancel and another try between', async () => {
  const flow = open();
  await flow.choosePath(' /data/cifar ');
  expect([flow.step, flow.inspection?.training.count, flow.name]).toEqual(['inspect', 400, 'CIFAR-10']);
  flow.goTo('name');
  flow.name = 'Mine';
  await flow.startImport();
  expect([flow.step, flow.running, flow.reachable.choose]).toEqual(['import', true, false]);
  await flow.cancelImport();
  expect([flow.job?.state, flow.reachable.name]).toEqual(['cancelled', true]);
  flow.goTo('name');
  expect(flow.name).toBe('Mine');
  await flow.startImport();
  lab.setJob({ state: 'done', result: 'mine' });
  expect(flow.job?.result).toBe('mine');
  expect(lab.calls.filter(({ name }) => name === 'datasets.import').map(({ input }) => input)).toEqual([
    { path: '/data/cifar', name: 'Mine' },
    { path: '/data/cifar', name: 'Mine' },
  ]);
});

test('an error says what happened, and leads back to what was typed', async () => {
  const flow = open();
  await flow.choosePath('/missing');
  expect([flow.step, flow.problem?.message, flow.reachable.name]).toEqual([
    'inspect',
    'There is no file or folder “/missing”.',
    false,
  ]);
  flow.goTo('choose');
  expect([flow.step, flow.path, flow.problem]).toEqual(['choose', '/missing', null]);
  await flow.choosePath('/data/cifar');
  expect(flow.inspection).not.toBeNull();
});

test('of two looks the later counts, whichever answers first', async () => {
  const flow = open();
  lab.hold = true;
  const first = flow.choosePath('/first');
  const second = flow.choosePath('/second');
  lab.release(1);
  await second;
  lab.release(0);
  await first;
  expect([flow.inspection?.suggestedName, flow.inspecting]).toEqual(['Second', false]);
});

test('a look that was cancelled is not listened to', async () => {
  const flow = open();
  lab.hold = true;
  const look = flow.choosePath('/data/cifar');
  flow.cancelLook();
  lab.release();
  await look;
  expect([flow.step, flow.inspection, flow.path]).toEqual(['choose', null, '/data/cifar']);
});

test('dropped files go to the lab first, and what stops them is told', async () => {
  const file = new File(['12345'], 'cifar.tar.gz');
  const flow = open({
    receiveFiles: (files, onProgress) => {
      onProgress(2, files[0]?.size ?? 0);
      return Promise.resolve('/uploads/cifar.tar.gz');
    },
  });
  await flow.chooseFiles([file], file.name);
  expect([flow.source, flow.transfer, flow.inspection?.suggestedName]).toEqual([
    { path: '/uploads/cifar.tar.gz', label: 'cifar.tar.gz' },
    null,
    'CIFAR-10',
  ]);
  const refused = open({
    receiveFiles: () => Promise.reject(new LabError('diskFull', 'The disk is full.', 'Free some space.')),
  });
  await refused.chooseFiles([file], file.name);
  expect([refused.step, refused.problem?.code, refused.reachable.choose]).toEqual(['inspect', 'diskFull', true]);
  const plain = open();
  await plain.chooseFiles([file], file.name);
  expect(plain.problem?.code).toBe('notAllowed');
});

test('an import that ended leaves room for the next', async () => {
  const flow = open();
  await flow.choosePath('/data/cifar');
  await flow.startImport();
  lab.setJob({ state: 'done', result: 'cifar-10' });
  flow.show();
  expect([flow.open, flow.step, flow.path, flow.job]).toEqual([true, 'choose', '', null]);
});
