import type { Step, StepDefinition, StepOperations } from './engine.ts';
import { checkInputs, runStepBody } from './stepBody.ts';

/** A step whose body runs anew each time, operation by operation. */
export function createEagerStep(definition: StepDefinition, operations: StepOperations): Step {
  return {
    run(inputs) {
      checkInputs(definition, inputs);
      return runStepBody(definition, inputs, operations);
    },
    dispose() {},
  };
}
