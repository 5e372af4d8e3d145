import { contract, type Handlers, type MethodName } from '#shared/contract.ts';
import { describeProblems } from '#shared/describeProblems.ts';
import { LabError, toLabErrorData, type LabErrorData } from '#shared/errors.ts';

export type DispatchResult = { ok: true; value: unknown } | { ok: false; error: LabErrorData };

/** What every transport calls: any name and any input in, a value or an error as plain JSON out; never rejects. */
export interface Dispatcher {
  dispatch(name: string, input: unknown): Promise<DispatchResult>;
}

/** Deeper input than any document has; it would only exhaust the stack somewhere. */
const maximumDepth = 64;

/**
 * The dispatcher over a set of handlers.
 * @param onUnexpected Gets what was thrown and is not a `LabError`, for the log.
 * @param readOnly Why the lab is open for reading only: methods that change it are refused with this.
 */
export function createDispatcher(
  handlers: Handlers,
  onUnexpected: (name: string, error: unknown) => void = () => undefined,
  readOnly: LabErrorData | null = null,
): Dispatcher {
  return {
    async dispatch(name, input) {
      try {
        if (!isMethodName(name)) {
          throw new LabError(
            'invalidArgument',
            `The lab has no method “${name.slice(0, 100)}”.`,
            'Update the program that asked; it does not fit this lab.',
          );
        }
        if (readOnly !== null && contract[name].effect === 'changes') throw LabError.from(readOnly);
        refuseHarmfulInput(input, name);
        const parsed = contract[name].input.safeParse(input);
        if (!parsed.success) {
          throw new LabError(
            'invalidArgument',
            `${name} was given a wrong input: ${describeProblems(parsed.error)}.`,
            'Correct the fields named.',
          );
        }
        // The schema of this name made the data for the handler of this name.
        const handler = handlers[name] as (validated: unknown) => Promise<unknown>;
        return { ok: true, value: (await handler(parsed.data)) ?? null };
      } catch (error) {
        if (!(error instanceof LabError)) onUnexpected(name, error);
        return { ok: false, error: toLabErrorData(error) };
      }
    },
  };
}

function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(contract, name);
}

/** Fields of free form reach code that copies objects: no key may stand for an object's prototype. */
function refuseHarmfulInput(value: unknown, path: string, depth = 0): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > maximumDepth) {
    throw new LabError('invalidArgument', `The input is nested too deeply at ${path}.`, 'Send a flatter value.');
  }
  if (Array.isArray(value)) {
    for (const [index, member] of value.entries()) refuseHarmfulInput(member, `${path}.${index}`, depth + 1);
    return;
  }
  for (const [key, member] of Object.entries(value)) {
    if (key === '__proto__') {
      throw new LabError('invalidArgument', `${path} has a field named __proto__.`, 'Name the field otherwise.');
    }
    refuseHarmfulInput(member, `${path}.${key}`, depth + 1);
  }
}
