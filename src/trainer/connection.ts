import {
  trainerCommandSchema,
  trainerMessageSchema,
  type TrainerCommand,
  type TrainerMessage,
} from '#shared/protocol.ts';
import { LabError } from '#shared/errors.ts';
import { describeProblems } from '#shared/describeProblems.ts';

/** The channel to main: messages are validated in both directions. */
export interface Connection {
  send: (message: TrainerMessage) => void;
  /** Resolves when main has been handed everything that was sent. */
  drain(): Promise<void>;
}

/**
 * Connects to the process that started this one.
 * @param onCommand Called for each valid command.
 * @param onInvalid Called with an expected failure for anything else that arrives.
 * @param onDisconnect Called when main has closed the channel or died.
 */
export function connectToMain(
  onCommand: (command: TrainerCommand) => void,
  onInvalid: (error: LabError) => void,
  onDisconnect: () => void,
): Connection {
  let pending: Promise<unknown> = Promise.resolve();
  process.on('disconnect', onDisconnect);
  process.on('message', (message: unknown) => {
    const result = trainerCommandSchema.safeParse(message);
    if (result.success) onCommand(result.data);
    else {
      onInvalid(
        new LabError(
          'invalidArgument',
          `The trainer was sent a message that it does not know: ${describeProblems(result.error)}.`,
          'The program’s parts have different versions: install it again.',
        ),
      );
    }
  });
  return {
    send(message) {
      const validated = trainerMessageSchema.parse(message);
      const sent = new Promise<void>((resolve) => {
        // A closed channel shows as `disconnect`, so its error is not needed here.
        process.send?.(validated, undefined, undefined, () => resolve());
      });
      pending = Promise.all([pending, sent]);
    },
    drain: () => pending.then(() => undefined),
  };
}
