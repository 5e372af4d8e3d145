import { describe, expect, it } from 'vitest';
import { parseSafetensors, serializeSafetensors } from '#files/safetensors.ts';

function join(chunks: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}

/** A file with any header over any payload. */
function fileOf(header: unknown, payload: Uint8Array = new Uint8Array()): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(json.length), true);
  return join([length, json, payload]);
}

const f32 = (shape: number[], start: number, end: number) => ({ dtype: 'F32', shape, data_offsets: [start, end] });

describe('serializeSafetensors', () => {
  it('writes exactly these bytes', () => {
    const bytes = join(
      serializeSafetensors(
        {
          'b/labels': { shape: [2], values: Int32Array.of(7, -1) },
          'a/kernel': { shape: [1, 2], values: Float32Array.of(1, -2.5) },
        },
        { step: '3' },
      ),
    );
    const header =
      '{"__metadata__":{"step":"3"},"a/kernel":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},' +
      '"b/labels":{"dtype":"I32","shape":[2],"data_offsets":[8,16]}}';
    expect(header.length).toBe(152);
    expect(bytes).toEqual(
      join([
        Uint8Array.of(152, 0, 0, 0, 0, 0, 0, 0),
        new TextEncoder().encode(header),
        // 1 = 3f800000, −2.5 = c0200000, 7, −1
        Uint8Array.of(0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0, 7, 0, 0, 0, 255, 255, 255, 255),
      ]),
    );
  });

  it('pads its header so that values are aligned to 8 bytes', () => {
    const [head] = serializeSafetensors({ weight: { shape: [], values: Float32Array.of(1) } });
    expect(head?.length).toBe(8 + 64);
    expect(new TextDecoder().decode(head?.subarray(-8))).toBe('}}      ');
  });

  it('refuses values that do not fit their shape', () => {
    expect(() => serializeSafetensors({ a: { shape: [2], values: Float32Array.of(1) } })).toThrow(RangeError);
  });
});

describe('parseSafetensors', () => {
  it('gives back what was written, whatever the alignment of the bytes', () => {
    const tensors = {
      empty: { shape: [0, 3], values: new Float32Array() },
      kernel: { shape: [2, 2], values: Float32Array.of(0.1, -0, Infinity, 1e-42) },
      labels: { shape: [1], values: Int32Array.of(-5) },
    };
    const bytes = join(serializeSafetensors(tensors, { note: 'γ' }));
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    // A Buffer's `slice` does not copy: reading files gives Buffers.
    const buffers = [0, 1].map((offset) => Buffer.concat([Buffer.alloc(offset), bytes]).subarray(offset));
    for (const input of [bytes, shifted.subarray(1), ...buffers]) {
      const content = parseSafetensors(input);
      expect(content.tensors).toEqual(tensors);
      expect(content.metadata).toEqual({ note: 'γ' });
      expect(content.payload.length).toBe(20);
    }
  });

  it('reads tensors in any order of the header', () => {
    const content = parseSafetensors(
      fileOf({ b: f32([1], 4, 8), a: f32([1], 0, 4) }, new Uint8Array(Float32Array.of(1, 2).buffer)),
    );
    expect(content.tensors['b']?.values).toEqual(Float32Array.of(2));
  });

  const payload = new Uint8Array(8);
  it.each([
    ['an empty file', new Uint8Array(), /0 bytes, fewer than its header needs/],
    ['a header longer than the file', fileOf('{}').fill(255, 0, 8), /header claims 18446744073709551615 bytes/],
    ['a cut header', fileOf({ a: f32([2], 0, 8) }, payload).subarray(0, 20), /header claims/],
    ['a header that is not JSON', fileOf('{"a":'), /not JSON/],
    ['a header that is not UTF-8', fileOf('""').fill(0xff, 9), /not JSON/],
    ['a header that is a list', fileOf([]), /no object/],
    ['metadata that are not texts', fileOf({ __metadata__: { step: 3 } }), /metadata/],
    ['another dtype', fileOf({ a: { ...f32([2], 0, 8), dtype: 'F16' } }, payload), /“a” is not one of float32/],
    ['a negative size', fileOf({ a: f32([-2], 0, 8) }, payload), /“a”/],
    ['an unknown key', fileOf({ a: { ...f32([2], 0, 8), extra: 1 } }, payload), /“a”/],
    ['a cut payload', fileOf({ a: f32([2], 0, 8) }, payload.subarray(1)), /cut short/],
    ['bytes of no tensor', fileOf({ a: f32([1], 0, 4) }, payload), /4 bytes belong to no tensor/],
    ['overlapping tensors', fileOf({ a: f32([2], 0, 8), b: f32([1], 4, 8) }, payload), /“b” overlaps/],
    ['a gap', fileOf({ a: f32([1], 4, 8) }, payload), /leaves a gap/],
    ['offsets that do not fit the shape', fileOf({ a: f32([3], 0, 8) }, payload), /8 bytes where its shape needs 12/],
    ['offsets that go backwards', fileOf({ a: f32([1], 0, 4), b: f32([1], 4, 0) }, payload), /“b” has -4 bytes/],
  ])('refuses %s', (_what, bytes, message) => {
    expect(() => parseSafetensors(bytes)).toThrow(
      expect.objectContaining({
        code: 'checkpointInvalid',
        message: expect.stringMatching(message) as string,
      }) as Error,
    );
  });
});
