import { expect, test } from 'vitest';
import { parseRunDocument } from '#shared/domain/run.ts';
import { checkpointRows, documentFacts } from '../../../src/renderer/data/runFacts.ts';

function facts(changes: Record<string, unknown>): Record<string, string> {
  const document = parseRunDocument({ dataset: { id: 'x' }, ...changes });
  return Object.fromEntries(documentFacts(document).map(({ name, value }) => [name, value]));
}

test('a run says the settings of its own architecture, optimizer and schedule', () => {
  expect(facts({})).toMatchObject({
    'Width multiplier': '1',
    'Convolution widths': '32, 32, 64, 64',
    Optimizer: 'Stochastic gradient descent',
    Momentum: '0.9',
    Schedule: 'Decay at each step',
    'Decay per step': '0.0001',
  });
  const own = facts({
    architecture: { id: 'mlp', hiddenSizes: [] },
    optimizer: { id: 'adam', beta1: 0.8 },
    schedule: { id: 'epochDecay' },
    warmUp: { unit: 'epochs', value: 1 },
    augmentation: { horizontalFlip: true },
  });
  expect(own).toMatchObject({
    Architecture: 'Multilayer perceptron',
    'Fully connected sizes': 'none',
    Optimizer: 'Adam',
    'Decay of the mean': '0.8',
    'Decay after epochs': '30, 60, 90',
    'Warm-up': '1 epoch',
    'Random horizontal flip': 'yes',
  });
  // What others have, and what is folded away and as it is by default.
  for (const name of ['Momentum', 'Width multiplier', 'Decay of the square', 'Random crop: padding']) {
    expect(own).not.toHaveProperty([name]);
  }
});

test('checkpoints say what each is kept for', () => {
  const createdAt = '2026-01-02T03:04:05.000Z';
  const rows = checkpointRows([
    { step: 12_400, bytes: 4.2e6, createdAt, validationLoss: null, reasons: ['last'] },
    { step: 12_000, bytes: 4.2e6, createdAt, validationLoss: 0.51234, reasons: ['last', 'best', 'every'] },
    { step: 400, bytes: 900, createdAt, validationLoss: 1.25, reasons: [] },
  ]);
  expect(rows.map(({ step, kept, validationLoss, size }) => [step, kept, validationLoss, size])).toEqual([
    ['12\u2009400', 'latest', '–', '4.2 MB'],
    ['12\u2009000', 'latest, best, interval', '0.5123', '4.2 MB'],
    ['400', 'until the next', '1.250', '900 B'],
  ]);
  expect(rows[1]?.full).toMatch(/^Kept as one of the latest, the lowest validation loss, one of its interval\. Saved /);
  expect(rows[2]?.full).toMatch(/^Goes with the next checkpoint\. Saved /);
});

test('a document that only a newer program knows is told as it stands', () => {
  const future = { ...parseRunDocument({ dataset: { id: 'x' } }), method: { id: 'futureNorm', strength: 3 } };
  const told = new Map(documentFacts(future as never).map(({ name, value }) => [name, value]));
  expect(told.get('method.id')).toBe('futureNorm');
  expect(told.get('method.strength')).toBe('3');
  expect(told.get('batchSize')).toBe('64');
  expect(told.get('dataset.trainingImages')).toBe('null');
});
