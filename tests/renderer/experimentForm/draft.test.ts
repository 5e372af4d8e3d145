import { describe, expect, test } from 'vitest';
import { parseExperimentDocument } from '#shared/domain/experiment.ts';
import { describeFields } from '#shared/domain/fields.ts';
import { figureExperiment } from '#shared/domain/figures/figure.ts';
import { figure2 } from '#shared/domain/figures/figure2.ts';
import {
  clonedDraft,
  draftDocument,
  fieldPathOf,
  findDraftProblems,
  freshDraft,
  indexFields,
  readDraft,
  type Draft,
} from '../../../src/renderer/components/experimentForm/draft.ts';

const fields = indexFields(describeFields(), {});

describe('a draft', () => {
  test('begins with a normalized network against one without, and can start as it is', () => {
    const draft = freshDraft('example');
    expect(findDraftProblems(draft, fields)).toEqual([]);
    const { document } = draftDocument(draft, 'A name', fields);
    expect(document).toEqual({
      name: 'A name',
      base: { dataset: { id: 'example' }, method: { id: 'batchNorm' } },
      vary: [{ key: 'method', values: ['batchNorm', 'none'] }],
      seeds: [1],
    });
    expect(() => parseExperimentDocument(document)).not.toThrow();
  });

  test('comes back from storage whole, also with what is wrong in it', () => {
    const draft: Draft = {
      ...freshDraft('example'),
      base: { dataset: { id: 'example' }, optimizer: { learningRate: 'abc' } },
      vary: [{ key: 'batchSize', values: [64, 'x'], pending: '12' }],
      seeds: '1, y',
    };
    expect(readDraft(JSON.parse(JSON.stringify(draft)))).toEqual(draft);
    expect([readDraft(null), readDraft({ version: 2 }), readDraft('draft')]).toEqual([null, null, null]);
  });

  test('is asked about without what is wrong, and every problem has its place', () => {
    const draft: Draft = {
      ...freshDraft('example'),
      base: { dataset: { id: 'example' }, optimizer: { learningRate: 'abc', momentum: 0.5 } },
      vary: [
        { key: 'length', values: [], pending: '' },
        { key: 'batchSize', values: ['x', 64, 0, 128], pending: '' },
      ],
      seeds: '3, y',
    };
    const problems = findDraftProblems(draft, fields);
    expect(problems.map(({ path }) => path)).toEqual([
      'base.optimizer.learningRate',
      'vary.0.values',
      'vary.1.values.0',
      'vary.1.values.2',
      'seeds',
    ]);
    const { document, places } = draftDocument(draft, 'n', fields, new Set(problems.map(({ path }) => path)));
    expect(document).toEqual({
      name: 'n',
      base: { dataset: { id: 'example' }, optimizer: { id: 'sgd', momentum: 0.5 } },
      vary: [{ key: 'batchSize', values: [64, 128] }],
      seeds: [3],
    });
    const place = (path: string): string => fieldPathOf(path, places, fields);
    expect(['vary.0.values.1', 'vary.0.values', 'vary.0.key', 'vary', 'seeds'].map(place)).toEqual([
      'vary.1.values.3',
      'vary.1.values',
      'vary.1.key',
      'vary',
      'seeds',
    ]);
    expect(['base.length.value', 'base.method.epsilon', 'base.dataset', 'base.optimizer.oops'].map(place)).toEqual([
      'base.length',
      'base.method.epsilon',
      'base.dataset.id',
      'base.optimizer',
    ]);
  });

  test('checks a field that several methods have as the chosen method describes it', () => {
    const [layerNorm, ghost] = ['layerNorm', 'ghostBatchNorm'].map((id) =>
      indexFields(describeFields(), { method: { id } }).get('method.epsilon'),
    );
    expect([layerNorm?.when?.value, ghost?.when?.value]).toEqual(['layerNorm', 'ghostBatchNorm']);
  });

  test('of a fixed field does not ask for its default while the field varies', () => {
    const draft: Draft = {
      ...freshDraft('example'),
      base: { dataset: { id: 'example' }, batchSize: 'oops' },
      vary: [{ key: 'batchSize', values: [64], pending: '' }],
    };
    expect(findDraftProblems(draft, fields)).toEqual([]);
  });

  test('cloned from an experiment makes the same runs, and keeps only what differs from the defaults', () => {
    const source = parseExperimentDocument({
      name: 'Source',
      base: {
        dataset: { id: 'example', trainingImages: 4000, validationImages: null, checksum: 'c'.repeat(64) },
        architecture: { id: 'paper-cnn', widthMultiplier: 0.5 },
        optimizer: { id: 'sgd', learningRate: 0.05, momentum: 0.9 },
        evaluation: { every: { unit: 'epochs', value: 0.5 } },
        batchSize: 64,
      },
      vary: [{ key: 'method', values: ['batchNorm', 'none'] }],
      seeds: [1],
    });
    const draft = clonedDraft(
      {
        ...source,
        base: {
          ...source.base,
          seed: 7,
          checkpoints: { every: { unit: 'epochs', value: 1 }, keepLast: 2, keepBest: true },
        },
      },
      fields,
    );
    expect(draft.base).toEqual({
      dataset: { id: 'example', trainingImages: 4000 },
      architecture: { id: 'paper-cnn', widthMultiplier: 0.5 },
      optimizer: { id: 'sgd', learningRate: 0.05 },
      evaluation: { every: { unit: 'epochs', value: 0.5 } },
      checkpoints: {},
    });
    expect(draft.vary).toEqual([{ key: 'method', values: ['batchNorm', 'none'], pending: '' }]);
    expect([draft.name, draft.seeds]).toEqual(['', '1']);
  });

  test('keeps the groups of an experiment, whose claims are about the experiment itself', () => {
    const source = parseExperimentDocument(
      figureExperiment(figure2, {
        scale: 'smoke',
        reading: 'equal-epoch',
        dataset: { id: 'cifar-10', trainingImages: 50_000 },
      }),
    );
    const draft = clonedDraft(source, fields);
    const { document } = draftDocument(draft, 'Clone', fields);
    expect(document.groups).toEqual(source.groups);
    expect(parseExperimentDocument(document)).toMatchObject({ groups: source.groups, seeds: source.seeds, claims: [] });
    expect(readDraft(JSON.parse(JSON.stringify(draft)))).toEqual(draft);
    // Drafts from before there were groups have none.
    const { groups: _groups, ...before } = draft;
    expect(readDraft(before)?.groups).toEqual([]);
  });
});
