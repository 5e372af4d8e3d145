import { LabError } from '#shared/errors.ts';
import { attributeKinds } from './dataTypes.ts';
import type { Pointer } from './functions.ts';
import type { TensorflowLibrary } from './library.ts';
import type { Status } from './status.ts';
import { toDimensions } from './tensors.ts';

/** An attribute of an operation, in the form in which tfjs's kernels give them. */
export interface OperationAttribute {
  name: string;
  /** One of `attributeKinds`. */
  type: number;
  value: string | Uint8Array | number | boolean | readonly number[];
}

/** The functions that set attributes; the eager and the graph API have the same ones. */
interface AttributeSetters {
  string: TensorflowLibrary['TF_SetAttrString'];
  int: TensorflowLibrary['TF_SetAttrInt'];
  intList: TensorflowLibrary['TF_SetAttrIntList'];
  float: TensorflowLibrary['TF_SetAttrFloat'];
  floatList: TensorflowLibrary['TF_SetAttrFloatList'];
  bool: TensorflowLibrary['TF_SetAttrBool'];
  type: TensorflowLibrary['TF_SetAttrType'];
  typeList: TensorflowLibrary['TF_SetAttrTypeList'];
  shape: TensorflowLibrary['TF_SetAttrShape'];
}

export type AttributeWriter = (operation: Pointer, attribute: OperationAttribute) => void;

/** Sets attributes of operations that run at once. */
export function eagerAttributeWriter(library: TensorflowLibrary, status: Status): AttributeWriter {
  return attributeWriter({
    string: library.TFE_OpSetAttrString,
    int: library.TFE_OpSetAttrInt,
    intList: library.TFE_OpSetAttrIntList,
    float: library.TFE_OpSetAttrFloat,
    floatList: library.TFE_OpSetAttrFloatList,
    bool: library.TFE_OpSetAttrBool,
    type: library.TFE_OpSetAttrType,
    typeList: library.TFE_OpSetAttrTypeList,
    shape(operation, name, shape, rank) {
      library.TFE_OpSetAttrShape(operation, name, shape, rank, status.pointer);
      status.check(`the attribute ${name}`);
    },
  });
}

/** Sets attributes of operations that become nodes of a graph. */
export function graphAttributeWriter(library: TensorflowLibrary): AttributeWriter {
  return attributeWriter({
    string: library.TF_SetAttrString,
    int: library.TF_SetAttrInt,
    intList: library.TF_SetAttrIntList,
    float: library.TF_SetAttrFloat,
    floatList: library.TF_SetAttrFloatList,
    bool: library.TF_SetAttrBool,
    type: library.TF_SetAttrType,
    typeList: library.TF_SetAttrTypeList,
    shape: library.TF_SetAttrShape,
  });
}

function attributeWriter(set: AttributeSetters): AttributeWriter {
  return (operation, { name, type, value }) => {
    const isList = Array.isArray(value);
    if (type === attributeKinds.string && (typeof value === 'string' || value instanceof Uint8Array)) {
      const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
      set.string(operation, name, bytes, bytes.length);
    } else if (type === attributeKinds.bool && !isList) {
      set.bool(operation, name, value ? 1 : 0);
    } else if (type === attributeKinds.int && typeof value === 'number') {
      set.int(operation, name, value);
    } else if (type === attributeKinds.int && isList) {
      set.intList(operation, name, toDimensions(value), value.length);
    } else if (type === attributeKinds.float && typeof value === 'number') {
      set.float(operation, name, value);
    } else if (type === attributeKinds.float && isList) {
      set.floatList(operation, name, Float32Array.from(value), value.length);
    } else if (type === attributeKinds.type && typeof value === 'number') {
      set.type(operation, name, value);
    } else if (type === attributeKinds.type && isList) {
      set.typeList(operation, name, Int32Array.from(value), value.length);
    } else if (type === attributeKinds.shape && isList) {
      set.shape(operation, name, toDimensions(value), value.length);
    } else {
      throw new LabError(
        'engineFailed',
        `The attribute ${name} of an operation has a value that the engine cannot pass on.`,
        'This is a mistake in the program; report it.',
        `kind ${type}, value ${String(value)}`,
      );
    }
  };
}
