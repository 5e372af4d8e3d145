/** A pointer of the C API; koffi represents pointers as bigints. */
export type Pointer = bigint;

/** `TF_Output`: one output of a graph's operation. */
export interface GraphOutput {
  oper: Pointer;
  index: number;
}

/** A C type as koffi writes it, or the structure `TF_Output`. */
export type CType = string;

/**
 * The functions of TensorFlow's C API (`c_api.h`, `eager/c_api.h`) that are used here, under
 * their own names. Pointers to arrays are typed arrays, in the width that C expects.
 */
export interface TensorflowFunctions {
  TF_Version: () => string;

  TF_NewStatus: () => Pointer;
  TF_DeleteStatus: (status: Pointer) => void;
  TF_GetCode: (status: Pointer) => number;
  TF_Message: (status: Pointer) => string;

  TF_AllocateTensor: (dataType: number, shape: BigInt64Array, rank: number, bytes: number) => Pointer;
  TF_DeleteTensor: (tensor: Pointer) => void;
  TF_TensorData: (tensor: Pointer) => Pointer;
  TF_TensorByteSize: (tensor: Pointer) => number | bigint;

  TFE_NewContextOptions: () => Pointer;
  TFE_ContextOptionsSetConfig: (options: Pointer, config: Uint8Array, bytes: number, status: Pointer) => void;
  TFE_DeleteContextOptions: (options: Pointer) => void;
  TFE_NewContext: (options: Pointer, status: Pointer) => Pointer;
  TFE_DeleteContext: (context: Pointer) => void;
  TFE_ContextListDevices: (context: Pointer, status: Pointer) => Pointer;
  TF_DeviceListCount: (devices: Pointer) => number;
  TF_DeviceListName: (devices: Pointer, index: number, status: Pointer) => string;
  TF_DeviceListType: (devices: Pointer, index: number, status: Pointer) => string;
  TF_DeviceListMemoryBytes: (devices: Pointer, index: number, status: Pointer) => number | bigint;
  TF_DeleteDeviceList: (devices: Pointer) => void;

  TFE_NewTensorHandle: (tensor: Pointer, status: Pointer) => Pointer;
  TFE_DeleteTensorHandle: (handle: Pointer) => void;
  TFE_TensorHandleDataType: (handle: Pointer) => number;
  TFE_TensorHandleNumDims: (handle: Pointer, status: Pointer) => number;
  TFE_TensorHandleDim: (handle: Pointer, axis: number, status: Pointer) => number | bigint;
  TFE_TensorHandleResolve: (handle: Pointer, status: Pointer) => Pointer;

  TFE_NewOp: (context: Pointer, name: string, status: Pointer) => Pointer;
  TFE_DeleteOp: (operation: Pointer) => void;
  TFE_OpAddInput: (operation: Pointer, handle: Pointer, status: Pointer) => void;
  TFE_OpSetAttrString: (operation: Pointer, name: string, value: Uint8Array, bytes: number) => void;
  TFE_OpSetAttrInt: (operation: Pointer, name: string, value: number) => void;
  TFE_OpSetAttrIntList: (operation: Pointer, name: string, values: BigInt64Array, count: number) => void;
  TFE_OpSetAttrFloat: (operation: Pointer, name: string, value: number) => void;
  TFE_OpSetAttrFloatList: (operation: Pointer, name: string, values: Float32Array, count: number) => void;
  TFE_OpSetAttrBool: (operation: Pointer, name: string, value: number) => void;
  TFE_OpSetAttrType: (operation: Pointer, name: string, value: number) => void;
  TFE_OpSetAttrTypeList: (operation: Pointer, name: string, values: Int32Array, count: number) => void;
  TFE_OpSetAttrShape: (operation: Pointer, name: string, shape: BigInt64Array, rank: number, status: Pointer) => void;
  TFE_Execute: (operation: Pointer, handles: BigUint64Array, count: Int32Array, status: Pointer) => void;

  TF_NewGraph: () => Pointer;
  TF_DeleteGraph: (graph: Pointer) => void;
  TF_NewBuffer: () => Pointer;
  TF_DeleteBuffer: (buffer: Pointer) => void;
  TF_GraphGetOpDef: (graph: Pointer, operationType: string, definition: Pointer, status: Pointer) => void;
  TF_NewOperation: (graph: Pointer, type: string, name: string) => Pointer;
  TF_FinishOperation: (description: Pointer, status: Pointer) => Pointer;
  TF_AddInput: (description: Pointer, input: GraphOutput) => void;
  TF_AddInputList: (description: Pointer, inputs: readonly GraphOutput[], count: number) => void;
  TF_SetAttrString: (description: Pointer, name: string, value: Uint8Array, bytes: number) => void;
  TF_SetAttrInt: (description: Pointer, name: string, value: number) => void;
  TF_SetAttrIntList: (description: Pointer, name: string, values: BigInt64Array, count: number) => void;
  TF_SetAttrFloat: (description: Pointer, name: string, value: number) => void;
  TF_SetAttrFloatList: (description: Pointer, name: string, values: Float32Array, count: number) => void;
  TF_SetAttrBool: (description: Pointer, name: string, value: number) => void;
  TF_SetAttrType: (description: Pointer, name: string, value: number) => void;
  TF_SetAttrTypeList: (description: Pointer, name: string, values: Int32Array, count: number) => void;
  TF_SetAttrShape: (description: Pointer, name: string, shape: BigInt64Array, rank: number) => void;
  TF_SetAttrTensor: (description: Pointer, name: string, tensor: Pointer, status: Pointer) => void;
  TF_OperationOutputType: (output: GraphOutput) => number;
  TF_GraphGetTensorNumDims: (graph: Pointer, output: GraphOutput, status: Pointer) => number;
  TF_GraphGetTensorShape: (
    graph: Pointer,
    output: GraphOutput,
    shape: BigInt64Array,
    rank: number,
    status: Pointer,
  ) => void;
  TF_GraphToFunction: (
    graph: Pointer,
    name: string,
    appendHashToName: number,
    operationCount: number,
    operations: null,
    inputCount: number,
    inputs: readonly GraphOutput[],
    outputCount: number,
    outputs: readonly GraphOutput[],
    outputNames: null,
    options: null,
    description: null,
    status: Pointer,
  ) => Pointer;
  TF_DeleteFunction: (definition: Pointer) => void;
  TFE_ContextAddFunction: (context: Pointer, definition: Pointer, status: Pointer) => void;
  TFE_ContextRemoveFunction: (context: Pointer, name: string, status: Pointer) => void;
}

type Declaration = readonly [result: CType, parameters: readonly CType[]];

const pointer = 'void *';
const setString: Declaration = ['void', [pointer, 'str', pointer, 'size_t']];
const setList: Declaration = ['void', [pointer, 'str', pointer, 'int']];
const setInt: Declaration = ['void', [pointer, 'str', 'int64_t']];
const setFloat: Declaration = ['void', [pointer, 'str', 'float']];
const setBool: Declaration = ['void', [pointer, 'str', 'uint8_t']];
const setType: Declaration = ['void', [pointer, 'str', 'int']];
const free: Declaration = ['void', [pointer]];

/** The C declaration of each function: result and parameters. */
export const declarations: Readonly<Record<keyof TensorflowFunctions, Declaration>> = {
  TF_Version: ['str', []],

  TF_NewStatus: [pointer, []],
  TF_DeleteStatus: free,
  TF_GetCode: ['int', [pointer]],
  TF_Message: ['str', [pointer]],

  TF_AllocateTensor: [pointer, ['int', pointer, 'int', 'size_t']],
  TF_DeleteTensor: free,
  TF_TensorData: [pointer, [pointer]],
  TF_TensorByteSize: ['size_t', [pointer]],

  TFE_NewContextOptions: [pointer, []],
  TFE_ContextOptionsSetConfig: ['void', [pointer, pointer, 'size_t', pointer]],
  TFE_DeleteContextOptions: free,
  TFE_NewContext: [pointer, [pointer, pointer]],
  TFE_DeleteContext: free,
  TFE_ContextListDevices: [pointer, [pointer, pointer]],
  TF_DeviceListCount: ['int', [pointer]],
  TF_DeviceListName: ['str', [pointer, 'int', pointer]],
  TF_DeviceListType: ['str', [pointer, 'int', pointer]],
  TF_DeviceListMemoryBytes: ['int64_t', [pointer, 'int', pointer]],
  TF_DeleteDeviceList: free,

  TFE_NewTensorHandle: [pointer, [pointer, pointer]],
  TFE_DeleteTensorHandle: free,
  TFE_TensorHandleDataType: ['int', [pointer]],
  TFE_TensorHandleNumDims: ['int', [pointer, pointer]],
  TFE_TensorHandleDim: ['int64_t', [pointer, 'int', pointer]],
  TFE_TensorHandleResolve: [pointer, [pointer, pointer]],

  TFE_NewOp: [pointer, [pointer, 'str', pointer]],
  TFE_DeleteOp: free,
  TFE_OpAddInput: ['void', [pointer, pointer, pointer]],
  TFE_OpSetAttrString: setString,
  TFE_OpSetAttrInt: setInt,
  TFE_OpSetAttrIntList: setList,
  TFE_OpSetAttrFloat: setFloat,
  TFE_OpSetAttrFloatList: setList,
  TFE_OpSetAttrBool: setBool,
  TFE_OpSetAttrType: setType,
  TFE_OpSetAttrTypeList: setList,
  TFE_OpSetAttrShape: ['void', [pointer, 'str', pointer, 'int', pointer]],
  TFE_Execute: ['void', [pointer, pointer, pointer, pointer]],

  TF_NewGraph: [pointer, []],
  TF_DeleteGraph: free,
  TF_NewBuffer: [pointer, []],
  TF_DeleteBuffer: free,
  TF_GraphGetOpDef: ['void', [pointer, 'str', pointer, pointer]],
  TF_NewOperation: [pointer, [pointer, 'str', 'str']],
  TF_FinishOperation: [pointer, [pointer, pointer]],
  TF_AddInput: ['void', [pointer, 'TF_Output']],
  TF_AddInputList: ['void', [pointer, 'TF_Output *', 'int']],
  TF_SetAttrString: setString,
  TF_SetAttrInt: setInt,
  TF_SetAttrIntList: setList,
  TF_SetAttrFloat: setFloat,
  TF_SetAttrFloatList: setList,
  TF_SetAttrBool: setBool,
  TF_SetAttrType: setType,
  TF_SetAttrTypeList: setList,
  TF_SetAttrShape: setList,
  TF_SetAttrTensor: ['void', [pointer, 'str', pointer, pointer]],
  TF_OperationOutputType: ['int', ['TF_Output']],
  TF_GraphGetTensorNumDims: ['int', [pointer, 'TF_Output', pointer]],
  TF_GraphGetTensorShape: ['void', [pointer, 'TF_Output', pointer, 'int', pointer]],
  TF_GraphToFunction: [
    pointer,
    [
      pointer,
      'str',
      'uint8_t',
      'int',
      pointer,
      'int',
      'TF_Output *',
      'int',
      'TF_Output *',
      pointer,
      pointer,
      'str',
      pointer,
    ],
  ],
  TF_DeleteFunction: free,
  TFE_ContextAddFunction: ['void', [pointer, pointer, pointer]],
  TFE_ContextRemoveFunction: ['void', [pointer, 'str', pointer]],
};
