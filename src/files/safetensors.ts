import { z } from 'zod';
import { LabError } from '#shared/errors.ts';

/**
 * Reader and writer of safetensors files: u64 little-endian length of the header, header as JSON,
 * then the tensors' bytes without gaps, row-major and little-endian (as every machine that Node
 * runs on is). Source: the format's description in the safetensors project.
 */
export interface TensorData {
  shape: readonly number[];
  /** F32 or I32 in the file. */
  values: Float32Array | Int32Array;
}

export interface SafetensorsContent {
  tensors: Record<string, TensorData>;
  metadata: Record<string, string>;
  /** All tensors' bytes as they lie in the file. */
  payload: Uint8Array;
}

const bytesPerValue = 4;
const lengthBytes = 8;
/** The format's limit, so that a damaged length cannot ask for all memory. */
const maximumHeaderBytes = 100_000_000;

const entrySchema = z.strictObject({
  dtype: z.enum(['F32', 'I32']),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});
const metadataSchema = z.record(z.string(), z.string());

function invalid(what: string, cause?: unknown): LabError {
  return new LabError(
    'checkpointInvalid',
    `The weights file is damaged or not a safetensors file: ${what}.`,
    'Use another checkpoint, or make the file again.',
    cause,
  );
}

function bytesOf(values: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Names in the order in which their bytes lie in a file: by code unit, the same everywhere. */
function sortedNames(tensors: Record<string, TensorData>): string[] {
  return Object.keys(tensors).sort((left, right) => (left < right ? -1 : left > right ? 1 : 0));
}

/** The tensors' bytes in file order, not copied. */
export function safetensorsPayload(tensors: Record<string, TensorData>): Uint8Array[] {
  return sortedNames(tensors).map((name) => bytesOf((tensors[name] as TensorData).values));
}

/**
 * A file's bytes in pieces: the header, then each tensor's own memory, not copied. Tensors are
 * ordered by name and the header is padded with spaces to a multiple of 8 bytes, so that equal
 * content has equal bytes and values are aligned.
 */
export function serializeSafetensors(
  tensors: Record<string, TensorData>,
  metadata: Record<string, string> = {},
): Uint8Array[] {
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) header['__metadata__'] = metadata;
  let offset = 0;
  for (const name of sortedNames(tensors)) {
    const { shape, values } = tensors[name] as TensorData;
    if (name === '__metadata__' || shape.reduce((product, size) => product * size, 1) !== values.length) {
      throw new RangeError(`tensor ${name} cannot be written: shape [${shape.join(',')}], ${values.length} values`);
    }
    const end = offset + values.byteLength;
    header[name] = { dtype: values instanceof Float32Array ? 'F32' : 'I32', shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(lengthBytes + headerBytes).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(headerBytes), true);
  head.set(json, lengthBytes);
  return [head, ...safetensorsPayload(tensors)];
}

/**
 * Reads a file's bytes; values are views of `bytes` where they are aligned.
 * @throws LabError `checkpointInvalid` where it is cut short, where tensors overlap, leave gaps or
 *   do not fit their shape, or hold anything but float32 and int32.
 */
export function parseSafetensors(bytes: Uint8Array): SafetensorsContent {
  if (bytes.length < lengthBytes) throw invalid(`it has ${bytes.length} bytes, fewer than its header needs`);
  const headerLength = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (headerLength > BigInt(Math.min(maximumHeaderBytes, bytes.length - lengthBytes))) {
    throw invalid(`its header claims ${headerLength} bytes, the file has ${bytes.length}`);
  }
  const payloadStart = lengthBytes + Number(headerLength);
  const payload = bytes.subarray(payloadStart);
  const { metadata, entries } = parseHeader(bytes.subarray(lengthBytes, payloadStart));

  const tensors: Record<string, TensorData> = {};
  let expectedStart = 0;
  for (const [name, entry] of entries) {
    const [start, end] = entry.data_offsets;
    const size = entry.shape.reduce((product, length) => product * length, bytesPerValue);
    if (start !== expectedStart) throw invalid(`tensor “${name}” overlaps another or leaves a gap`);
    if (end - start !== size) throw invalid(`tensor “${name}” has ${end - start} bytes where its shape needs ${size}`);
    if (end > payload.length) throw invalid(`it is cut short: “${name}” ends after the end of the file`);
    tensors[name] = { shape: entry.shape, values: readValues(payload.subarray(start, end), entry.dtype) };
    expectedStart = end;
  }
  if (expectedStart !== payload.length) throw invalid(`${payload.length - expectedStart} bytes belong to no tensor`);
  return { tensors, metadata, payload };
}

function parseHeader(bytes: Uint8Array): {
  metadata: Record<string, string>;
  /** By offset. */
  entries: [string, z.infer<typeof entrySchema>][];
} {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalid('its header is not JSON', error);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) throw invalid('its header is no object');
  let metadata: Record<string, string> = {};
  const entries: [string, z.infer<typeof entrySchema>][] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') {
      const result = metadataSchema.safeParse(value);
      if (!result.success) throw invalid('its metadata are not texts', result.error);
      metadata = result.data;
    } else {
      const result = entrySchema.safeParse(value);
      if (!result.success) throw invalid(`its entry “${name}” is not one of float32 or int32 values`, result.error);
      entries.push([name, result.data]);
    }
  }
  entries.sort(
    ([, left], [, right]) =>
      left.data_offsets[0] - right.data_offsets[0] || left.data_offsets[1] - right.data_offsets[1],
  );
  return { metadata, entries };
}

function readValues(bytes: Uint8Array, dtype: 'F32' | 'I32'): Float32Array | Int32Array {
  // Not `slice`: a Buffer's does not copy.
  const aligned = bytes.byteOffset % bytesPerValue === 0 ? bytes : Uint8Array.from(bytes);
  const count = aligned.byteLength / bytesPerValue;
  return dtype === 'F32'
    ? new Float32Array(aligned.buffer, aligned.byteOffset, count)
    : new Int32Array(aligned.buffer, aligned.byteOffset, count);
}
