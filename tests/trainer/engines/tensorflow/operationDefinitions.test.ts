import { describe, expect, it } from 'vitest';
import { parseInputArguments } from '#trainer/engines/tensorflow/operationDefinitions.ts';

/** A length-delimited field of a protocol buffer. */
function field(number: number, content: string | number[]): number[] {
  const bytes = typeof content === 'string' ? [...Buffer.from(content)] : content;
  return [(number << 3) | 2, bytes.length, ...bytes];
}

describe('operation definitions', () => {
  it('tells lists of inputs from single ones', () => {
    // ConcatV2(values: N * T, axis: Tidx) -> output: T
    const definition = [
      ...field(1, 'ConcatV2'),
      ...field(2, [...field(1, 'values'), ...field(4, 'T'), ...field(5, 'N')]),
      ...field(2, [...field(1, 'axis'), ...field(4, 'Tidx')]),
      ...field(3, [...field(1, 'output'), ...field(4, 'T')]),
      // is_stateful = true, a number.
      ((17 << 3) & 0x7f) | 0x80,
      1,
      1,
    ];
    expect(parseInputArguments(Uint8Array.from(definition))).toEqual([
      { lengthAttribute: 'N', isList: true },
      { lengthAttribute: null, isList: false },
    ]);
  });

  it('knows lists of mixed types', () => {
    const definition = field(2, [...field(1, 'args'), ...field(6, 'Tin')]);
    expect(parseInputArguments(Uint8Array.from(definition))).toEqual([{ lengthAttribute: null, isList: true }]);
  });
});
