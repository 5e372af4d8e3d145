import { describe, expect, it } from 'vitest';
import { describeFields } from '#shared/domain/fields.ts';
import { findMethodProblem, methodIds, methods, methodSchema } from '#shared/domain/methods/index.ts';

const context = {
  batchSize: 64,
  trainingImages: 1000,
  path: 'method',
  normalizedLayers: [
    { name: 'conv1', channels: 32 },
    { name: 'fc1', channels: 48 },
  ],
};

describe('descriptions of methods', () => {
  it.each(methodIds)('%s has defaults for everything, and they fit the paper’s layers', (id) => {
    const settings = methodSchema.parse({ id });
    expect(findMethodProblem(settings, context)).toBe(null);
    expect(methods[id]).toMatchObject({ id, help: expect.stringMatching(/\.$/) as string });
    expect(methods[id].source).not.toBe('');
  });

  it('tells methods apart by symbol, and by colour', () => {
    expect(new Set(methodIds.map((id) => methods[id].symbol)).size).toBe(methodIds.length);
    expect(new Set(methodIds.map((id) => methods[id].style.color)).size).toBe(methodIds.length);
  });

  it('lets a parameter mean the same in every method that has it', () => {
    const fields = describeFields().filter(({ key }) => key.startsWith('method.'));
    for (const field of fields) {
      const { when, ...own } = field;
      for (const { when: otherWhen, ...other } of fields.filter(({ key }) => key === field.key)) {
        expect(other, `${field.key} of ${when?.value} and ${otherWhen?.value}`).toEqual(own);
      }
    }
  });

  it('names the layer that groups do not divide, and what would', () => {
    const problem = findMethodProblem(methodSchema.parse({ id: 'groupNorm', groups: 32 }), context);
    expect(problem).toMatchObject({ field: 'groups', hint: expect.stringContaining('1, 2, 4, 8, 16') as string });
    expect(problem?.message).toBe('The 48 channels of fc1 cannot be divided into 32 groups of equal size.');
  });

  it('names ghost batches that do not divide the batch, and a population beyond the data', () => {
    const ghost = findMethodProblem(methodSchema.parse({ id: 'ghostBatchNorm', ghostSize: 48 }), context);
    expect(ghost?.message).toMatch(/64 images cannot be divided into ghost batches of 48/);
    const population = findMethodProblem(methodSchema.parse({ id: 'populationNorm', images: 1001 }), context);
    expect(population).toMatchObject({ field: 'images' });
  });
});
