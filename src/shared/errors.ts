/** Stable names of expected failures; interfaces and scripts may depend on them. */
export const labErrorCodes = [
  'invalidDocument',
  'invalidArgument',
  'notFound',
  'invalidDataset',
  'labInUse',
  'labNotWritable',
  'labFromNewerVersion',
  'labDamaged',
  'diskFull',
  'networkFileSystem',
  'engineMissing',
  'engineFailed',
  'downloadFailed',
  'trainerLost',
  'diverged',
  'checkpointInvalid',
  'invalidArchive',
  'invalidState',
  'cancelled',
  'notAllowed',
  'labUnreachable',
  'internal',
] as const;

export type LabErrorCode = (typeof labErrorCodes)[number];

/** The form in which a failure crosses a process boundary or is stored. */
export interface LabErrorData {
  code: LabErrorCode;
  /** One sentence: what happened. */
  message: string;
  /** One sentence: what to do about it. */
  hint: string;
  /** Raw cause for the log; never shown first. */
  cause?: string;
}

/** An expected failure: says what happened and what to do. */
export class LabError extends Error {
  readonly code: LabErrorCode;
  readonly hint: string;

  constructor(code: LabErrorCode, message: string, hint: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'LabError';
    this.code = code;
    this.hint = hint;
  }

  static from(data: LabErrorData): LabError {
    return new LabError(data.code, data.message, data.hint, data.cause);
  }
}

function describeCause(cause: unknown): string {
  if (cause instanceof Error) return cause.stack ?? cause.message;
  return typeof cause === 'string' ? cause : JSON.stringify(cause);
}

/** Turns anything thrown into the transportable form; unknown errors become `internal`. */
export function toLabErrorData(error: unknown): LabErrorData {
  if (error instanceof LabError) {
    return {
      code: error.code,
      message: error.message,
      hint: error.hint,
      ...(error.cause === undefined ? {} : { cause: describeCause(error.cause) }),
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: 'internal',
    message: `Something unexpected went wrong: ${message}`,
    hint: 'Try again; if it happens again, report it with the details below.',
    cause: describeCause(error),
  };
}
