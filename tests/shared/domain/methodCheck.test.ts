import { describe, expect, it } from 'vitest';
import { summarizeMethodCheck } from '#shared/domain/methodCheck.ts';
import type { MethodCheck } from '#shared/protocol.ts';

const execution = (change: Partial<MethodCheck['executions'][number]>): MethodCheck['executions'][number] => ({
  mode: 'eager',
  operations: 'composed',
  gradientError: 1e-4,
  worstParameter: 'conv1/kernel',
  lossError: 1e-7,
  sameBits: true,
  ...change,
});
const check = (...changes: Parameters<typeof execution>[0][]): MethodCheck => ({
  method: 'batchNorm',
  variant: 'with dropout',
  ok: true,
  derivativeOf: 'loss',
  executions: changes.map(execution),
  directions: 22,
  gradientTolerance: 1e-3,
  lossTolerance: 2e-5,
  seconds: 1,
  problem: null,
});

describe('summarizeMethodCheck', () => {
  it('takes the worst of all ways of computing', () => {
    expect(summarizeMethodCheck(check({}, { gradientError: 3e-4, lossError: 2e-7 }))).toEqual({
      name: 'Batch normalization, with dropout',
      gradientError: 3e-4,
      lossError: 2e-7,
      sameBits: true,
      verdict: 'right',
    });
  });

  it('says what is wrong; what is no number is', () => {
    expect(summarizeMethodCheck(check({ gradientError: 2e-3 }, {})).verdict).toBe('wrong: gradient');
    expect(summarizeMethodCheck(check({ gradientError: null, lossError: 3e-5 })).verdict).toBe('wrong: gradient, loss');
    expect(summarizeMethodCheck(check({ sameBits: false })).verdict).toBe('wrong: not the same bits');
    expect(summarizeMethodCheck({ ...check({ lossError: null }), lossTolerance: null }).verdict).toBe('right');
    expect(summarizeMethodCheck({ ...check(), problem: 'Out of memory.' }).verdict).toBe('Out of memory.');
  });
});
