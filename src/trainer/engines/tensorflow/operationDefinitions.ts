import type { Pointer } from './functions.ts';
import type { TensorflowLibrary } from './library.ts';
import type { Status } from './status.ts';

/** An input argument of an operation: one tensor, or a list of them. */
export interface InputArgument {
  /** Attribute that holds the length of the list; null where it is not a list of equal types. */
  lengthAttribute: string | null;
  /** Whether it is a list. */
  isList: boolean;
}

/** Size of `struct TF_Buffer { const void *data; size_t length; void (*deallocator)(…) }`. */
const bufferStructureBytes = 24;

/**
 * The input arguments of a type of operation, from its `OpDef`: a graph's node wants lists whole,
 * tfjs's kernels give their members one by one.
 */
export function readInputArguments(
  library: TensorflowLibrary,
  status: Status,
  graph: Pointer,
  operationType: string,
): InputArgument[] {
  const buffer = library.TF_NewBuffer();
  try {
    library.TF_GraphGetOpDef(graph, operationType, buffer, status.pointer);
    status.check(operationType);
    const structure = new BigUint64Array(bufferStructureBytes / 8);
    library.copyMemory(structure, buffer, bufferStructureBytes);
    const [data = 0n, length = 0n] = structure;
    const definition = new Uint8Array(Number(length));
    library.copyMemory(definition, data, definition.length);
    return parseInputArguments(definition);
  } finally {
    library.TF_DeleteBuffer(buffer);
  }
}

/** Reads the field `input_arg` (2) of a serialized `OpDef` (`op_def.proto`). */
export function parseInputArguments(definition: Uint8Array): InputArgument[] {
  return readFields(definition)
    .filter((field) => field.number === 2)
    .map((field) => {
      const argument: InputArgument = { lengthAttribute: null, isList: false };
      for (const { number, content } of readFields(field.content)) {
        // ArgDef: number_attr = 5, type_list_attr = 6.
        if (number === 5) argument.lengthAttribute = Buffer.from(content).toString('utf8');
        if (number === 5 || number === 6) argument.isList = true;
      }
      return argument;
    });
}

interface Field {
  number: number;
  /** Of length-delimited fields; empty for numbers. */
  content: Uint8Array;
}

function readFields(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  let position = 0;
  const readVarint = (): number => {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = bytes[position] ?? 0;
      position += 1;
      value += (byte & 0x7f) * factor;
      factor *= 0x80;
      if (byte < 0x80) return value;
    }
  };
  while (position < bytes.length) {
    const key = readVarint();
    const wireType = key & 7;
    let length = 0;
    if (wireType === 0) readVarint();
    else if (wireType === 1) position += 8;
    else if (wireType === 5) position += 4;
    else length = readVarint();
    fields.push({ number: Math.floor(key / 8), content: bytes.subarray(position, position + length) });
    position += length;
  }
  return fields;
}
