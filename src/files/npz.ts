import { crc32 } from 'node:zlib';
import type { TensorData } from './safetensors.ts';

/**
 * Writer of NPZ files, as numpy.load reads them: a zip archive with one NPY file (version 1.0) a
 * tensor, stored without compression, values little-endian and row-major.
 * Sources: NumPy's description of the NPY format; PKWARE's APPNOTE 4.4.
 */

const npyMagic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0];
/** The header's end, so that values begin at a multiple of it. */
const npyAlignment = 64;
/** Zip without its 64-bit extension. */
const maximumBytes = 0xffff_ffff;
/** 1980-01-01: the same content gives the same bytes. */
const dosDate = 0x0021;
const zipVersion = 20;
const utf8Names = 0x0800;

/** The NPY header before a tensor's values. */
export function npyHeader({ shape, values }: TensorData): Uint8Array {
  const type = values instanceof Float32Array ? '<f4' : '<i4';
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const prefix = npyMagic.length + 2;
  const length = Math.ceil((prefix + text.length + 1) / npyAlignment) * npyAlignment;
  const header = new Uint8Array(length).fill(0x20);
  header.set(npyMagic);
  new DataView(header.buffer).setUint16(npyMagic.length, length - prefix, true);
  header.set(new TextEncoder().encode(text), prefix);
  header[length - 1] = 0x0a;
  return header;
}

/** A little-endian record of fields that are 2 or 4 bytes long. */
function record(fields: readonly (readonly [bytes: 2 | 4, value: number])[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [bytes]) => sum + bytes, 0)));
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += bytes;
  }
  return new Uint8Array(view.buffer);
}

/**
 * A file's bytes in pieces, each tensor's own memory not copied; a tensor `conv1/kernel` becomes the
 * array of that name.
 * @throws RangeError where a shape does not fit its values, or the file would be 4 GB or more.
 */
export function serializeNpz(tensors: Record<string, TensorData>): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  const names = Object.keys(tensors).sort((left, right) => (left < right ? -1 : 1));
  for (const name of names) {
    const tensor = tensors[name] as TensorData;
    const { shape, values } = tensor;
    if (shape.reduce((product, length) => product * length, 1) !== values.length) {
      throw new RangeError(`tensor ${name} cannot be written: shape [${shape.join(',')}], ${values.length} values`);
    }
    const header = npyHeader(tensor);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const file = new TextEncoder().encode(`${name}.npy`);
    const size = header.length + bytes.length;
    const shared = [
      [2, zipVersion],
      [2, utf8Names],
      [2, 0],
      [2, 0],
      [2, dosDate],
      [4, crc32(bytes, crc32(header))],
      [4, size],
      [4, size],
      [2, file.length],
      [2, 0],
    ] as const;
    chunks.push(record([[4, 0x04034b50], ...shared]), file, header, bytes);
    directory.push(
      record([[4, 0x02014b50], [2, zipVersion], ...shared, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]),
      file,
    );
    offset += 30 + file.length + size;
    if (offset > maximumBytes) throw new RangeError('the weights are too large for an NPZ file; write safetensors');
  }
  const directoryBytes = directory.reduce((sum, { length }) => sum + length, 0);
  const end = record([
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, names.length],
    [2, names.length],
    [4, directoryBytes],
    [4, offset],
    [2, 0],
  ]);
  return [...chunks, ...directory, end];
}
