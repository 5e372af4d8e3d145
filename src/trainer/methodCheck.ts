import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { methodVerification, type MethodCase } from '#shared/domain/methodVerification.ts';
import { methodIds, methodSchema } from '#shared/domain/methods/index.ts';
import { describeProblems } from '#shared/describeProblems.ts';
import { LabError, toLabErrorData } from '#shared/errors.ts';
import type { CheckMethodsTask, MethodCheck } from '#shared/protocol.ts';
import type { Engine } from './engines/engine.ts';
import { checkGradient } from './methodCheck/gradient.ts';
import { checkLosses } from './methodCheck/losses.ts';
import { parityExecutions } from './parity.ts';
import type { StepExecution } from './steps/inputs.ts';

/**
 * Checks every method, or those named, in float32, both as plainly as this engine can compute and as it
 * trains: its gradient by finite differences, its losses by stored ones, and that the same step gives the same bits.
 * One that fails or cannot be checked spoils no other.
 * @param onCheck Called after each, with how many of how many are done.
 * @throws LabError `invalidArgument` where a named method is not there.
 */
export async function checkMethods(
  { methods }: Pick<CheckMethodsTask, 'methods'>,
  engine: Engine,
  onCheck: (check: MethodCheck, done: number, total: number) => void,
): Promise<MethodCheck[]> {
  const unknown = methods?.find((name) => !methodIds.some((id) => id === name));
  if (unknown !== undefined) {
    throw new LabError('invalidArgument', `There is no method “${unknown}”.`, `Choose from: ${methodIds.join(', ')}.`);
  }
  const cases = methodVerification.cases.filter(({ method }) => methods?.includes(method.id) ?? true);
  const checks: MethodCheck[] = [];
  for (const methodCase of cases) {
    const check = checkMethod(methodCase, engine);
    checks.push(check);
    onCheck(check, checks.length, cases.length);
    await yieldToEvents();
  }
  return checks;
}

function checkMethod({ method, variant, dropoutRatio = 0, losses }: MethodCase, engine: Engine): MethodCheck {
  const { gradientTolerance, lossTolerance } = methodVerification;
  const check: MethodCheck = {
    method: method.id,
    variant,
    ok: false,
    derivativeOf: 'loss',
    executions: [],
    directions: 0,
    gradientTolerance,
    lossTolerance: losses === null ? null : lossTolerance,
    seconds: 0,
    problem: null,
  };
  const start = performance.now();
  try {
    const parsed = methodSchema.safeParse(method);
    if (!parsed.success) throw new LabError('invalidDocument', describeProblems(parsed.error), 'Correct its case.');
    check.ok = true;
    for (const execution of checkedExecutions(engine)) {
      const gradient = checkGradient({ method: parsed.data, dropoutRatio }, engine, execution);
      const { lossError, sameBits } = checkLosses({ method: parsed.data, dropoutRatio }, losses, engine, execution);
      check.derivativeOf = gradient.derivativeOf;
      check.directions = gradient.directions;
      const { mode, operations } = execution;
      check.executions.push({
        mode,
        operations,
        gradientError: toJson(gradient.largestError),
        worstParameter: gradient.worstParameter,
        lossError: lossError === null ? null : toJson(lossError),
        sameBits,
      });
      // What is no number is within no tolerance.
      check.ok &&=
        gradient.largestError <= gradientTolerance && (lossError === null || lossError <= lossTolerance) && sameBits;
    }
  } catch (error) {
    check.ok = false;
    check.problem = toLabErrorData(error).message;
  }
  check.seconds = (performance.now() - start) / 1000;
  return check;
}

/** The plainest way in which this engine computes, and the one in which it trains. */
function checkedExecutions(engine: Engine): StepExecution[] {
  const all = parityExecutions(engine);
  return all.length < 2 ? all : [...all.slice(0, 1), ...all.slice(-1)];
}

/** JSON has no number for what is not finite. */
function toJson(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
