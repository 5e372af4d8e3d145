import { labCommand } from '#shared/labCommand.ts';
import type { LabErrorData } from '#shared/errors.ts';

const crashReasons: { readonly [signal: string]: readonly [what: string, hint: string] } = {
  SIGKILL: [
    'it was ended from outside (SIGKILL), most often by the system because memory ran out',
    'Close other programs or choose a smaller batch size, then resume the run.',
  ],
  SIGILL: [
    'the engine used an instruction that this processor does not have (SIGILL)',
    'Choose another engine, for example execution.engine=javascript.',
  ],
  SIGSEGV: [
    'the engine crashed (SIGSEGV)',
    `Resume the run; if it happens again, run ${labCommand('engines verify')}.`,
  ],
  SIGABRT: [
    'the engine gave up (SIGABRT)',
    `Resume the run; if it happens again, run ${labCommand('engines verify')}.`,
  ],
  SIGBUS: [
    'the engine crashed (SIGBUS), as when a file it reads is cut short',
    `Check the data with ${labCommand('datasets verify ID')}, then resume the run.`,
  ],
  SIGTERM: ['it was asked to end from outside (SIGTERM)', 'Resume the run.'],
};

/** Says in words why a trainer ended without a result; the last lines it wrote are the cause. */
export function describeTrainerLoss(
  exitCode: number | null,
  signal: NodeJS.Signals | null,
  lastLines: readonly string[],
): LabErrorData {
  const [what, hint] =
    signal === null
      ? [`it ended by itself with exit status ${exitCode}`, 'Resume the run; the details tell what it wrote last.']
      : (crashReasons[signal] ?? [`it was ended by ${signal}`, 'Resume the run.']);
  return {
    code: 'trainerLost',
    message: `The trainer process is lost: ${what}.`,
    hint,
    ...(lastLines.length === 0 ? {} : { cause: lastLines.join('\n') }),
  };
}
