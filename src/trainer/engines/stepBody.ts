import { engine, Tensor, tidy } from '@tensorflow/tfjs-core';
import { LabError } from '#shared/errors.ts';
import type { StepDefinition, StepOperations, TensorRecord, TensorSpecification } from './engine.ts';

/**
 * Runs a step's body and frees everything it made except its results: also what it kept with
 * `keep`, which tfjs's own scopes leave alone. Each result is a tensor of its own that belongs to
 * the caller's scope.
 *
 * @throws LabError `engineFailed` where the body breaks the rules of a step
 */
export function runStepBody(
  definition: Pick<StepDefinition, 'name' | 'body'>,
  inputs: TensorRecord,
  operations: StepOperations,
): TensorRecord {
  return tidy(() => {
    const given = new Set(Object.values(inputs));
    const kept = new Set<Tensor>();
    const stopRecording = recordKept(kept);
    const allowRandom = forbidRandomNumbers(definition.name);
    try {
      const results = definition.body({ ...inputs }, operations);
      checkResults(definition.name, results);
      return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, tensor.clone()]));
    } finally {
      allowRandom();
      stopRecording();
      for (const tensor of kept) {
        if (!given.has(tensor)) tensor.dispose();
      }
    }
  });
}

/** @throws LabError `engineFailed` where the inputs are not those that the step was made for */
export function checkInputs(definition: Pick<StepDefinition, 'name' | 'inputs'>, inputs: TensorRecord): void {
  for (const [name, specification] of Object.entries(definition.inputs)) {
    const tensor = inputs[name];
    if (tensor === undefined) {
      throw stepMistake(`The step “${definition.name}” was run without its input “${name}”.`);
    }
    if (!fits(tensor, specification)) {
      throw stepMistake(
        `The input “${name}” of the step “${definition.name}” is ${tensor.dtype} [${tensor.shape.join(', ')}]` +
          ` instead of ${specification.dtype} [${specification.shape.join(', ')}].`,
      );
    }
  }
}

function fits(tensor: Tensor, { shape, dtype }: TensorSpecification): boolean {
  return (
    tensor.dtype === dtype && tensor.rank === shape.length && shape.every((size, axis) => size === tensor.shape[axis])
  );
}

function checkResults(stepName: string, results: TensorRecord): void {
  const entries = Object.entries(results);
  if (entries.length === 0) throw stepMistake(`The step “${stepName}” has no results.`);
  for (const [name, tensor] of entries) {
    if (!(tensor instanceof Tensor)) throw stepMistake(`The result “${name}” of the step “${stepName}” is no tensor.`);
    if (tensor.isDisposed) {
      throw stepMistake(`The result “${name}” of the step “${stepName}” was freed by the step itself.`);
    }
  }
}

function stepMistake(message: string): LabError {
  return new LabError('engineFailed', message, 'This is a mistake in the program; report it.');
}

/** Adds every tensor that is kept from now on to `kept`; returns what ends that. */
function recordKept(kept: Set<Tensor>): () => void {
  const tfjs = engine();
  const keep = tfjs.keep.bind(tfjs);
  // An own property before the class's method, and gone again afterwards.
  tfjs.keep = (tensor) => {
    kept.add(tensor);
    return keep(tensor);
  };
  return () => {
    Reflect.deleteProperty(tfjs, 'keep');
  };
}

/** Random numbers of JavaScript would freeze into a compiled step, so they are an error in every mode. */
function forbidRandomNumbers(stepName: string): () => void {
  const random = Math.random;
  Math.random = () => {
    throw stepMistake(`The step “${stepName}” draws random numbers; they must be among its inputs.`);
  };
  return () => {
    Math.random = random;
  };
}
