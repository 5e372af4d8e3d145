import { LabError, toLabErrorData } from '#shared/errors.ts';

/** Wrong use of the command line: exit status 2. */
export class UsageError extends LabError {
  override readonly name = 'UsageError';
}

/** Runs something that reads what was typed: what is wrong with it is wrong use. */
export function asUsage<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof LabError) || error instanceof UsageError) throw error;
    const { code, message, hint } = toLabErrorData(error);
    throw new UsageError(code, message, hint, error.cause);
  }
}
