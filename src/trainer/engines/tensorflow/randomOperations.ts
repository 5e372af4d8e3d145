import { tensor1d, type Tensor, type Tensor1D } from '@tensorflow/tfjs-core';
import type { RandomOperations } from '../engine.ts';
import { attributeKinds, dataTypes } from './dataTypes.ts';
import type { TensorflowBackend } from './kernelBackend.ts';

/** TensorFlow's stateless random operations: their seed is an input, so a compiled step draws anew each time. */
export function createRandomOperations(backend: TensorflowBackend): RandomOperations {
  const draw = (operation: string, shape: readonly number[], seed: Tensor1D): Tensor =>
    backend.executeSingleOutput(
      operation,
      [
        { name: 'dtype', type: attributeKinds.type, value: dataTypes.float32 },
        { name: 'T', type: attributeKinds.type, value: dataTypes.int32 },
        { name: 'Tseed', type: attributeKinds.type, value: dataTypes.int32 },
      ],
      [tensor1d([...shape], 'int32'), seed],
    );
  return {
    randomUniform: (shape, seed) => draw('StatelessRandomUniform', shape, seed),
    randomNormal: (shape, seed) => draw('StatelessRandomNormal', shape, seed),
  };
}
