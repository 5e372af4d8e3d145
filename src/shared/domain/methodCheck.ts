import type { MethodCheck } from '../protocol.ts';
import { methodIds, methods } from './methods/index.ts';

/** A method's check as tables show it: what is worst of all ways of computing. */
export interface MethodCheckSummary {
  name: string;
  /** Largest relative error of the gradient; null where it is no number, or nothing was compared. */
  gradientError: number | null;
  /** Null where no losses are stored. */
  lossError: number | null;
  sameBits: boolean;
  /** In a few words. */
  verdict: string;
}

export function summarizeMethodCheck(check: MethodCheck): MethodCheckSummary {
  const { executions, gradientTolerance, lossTolerance, problem } = check;
  const gradientError = worst(executions.map((execution) => execution.gradientError));
  const lossError = lossTolerance === null ? null : worst(executions.map((execution) => execution.lossError));
  const sameBits = executions.every((execution) => execution.sameBits);
  const wrong = [
    ...(isWithin(gradientError, gradientTolerance) ? [] : ['gradient']),
    ...(lossTolerance === null || isWithin(lossError, lossTolerance) ? [] : ['loss']),
    ...(sameBits ? [] : ['not the same bits']),
  ];
  const id = methodIds.find((known) => known === check.method);
  const name = id === undefined ? check.method : methods[id].name;
  return {
    name: check.variant === null ? name : `${name}, ${check.variant}`,
    gradientError,
    lossError,
    sameBits,
    verdict: problem ?? (wrong.length === 0 ? 'right' : `wrong: ${wrong.join(', ')}`),
  };
}

/** What is no number is worst, and within no tolerance. */
function worst(errors: readonly (number | null)[]): number | null {
  return errors.length === 0 || errors.includes(null) ? null : Math.max(...errors.map(Number));
}

function isWithin(error: number | null, tolerance: number): boolean {
  return error !== null && error <= tolerance;
}

/** What the gradient check is, in sentences for people. */
export const gradientCheckExplanation =
  'Each parameter of a small network (two convolutions, two fully connected layers, no ReLU: differences cannot ' +
  'cross its kinks) is moved a little; how the loss changes is compared with the gradient that training uses. Where a method takes something as constant in its ' +
  'gradient (statistics of a population, ζ, the corrections of batch renormalization), the loss is taken with that ' +
  'held. Then a few training steps, with ReLU and pooling, are compared with losses computed elsewhere in float64, and one step is repeated ' +
  'to see that it gives the same bits.';
