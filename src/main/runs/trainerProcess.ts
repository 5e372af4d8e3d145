import { fork, type ChildProcess } from 'node:child_process';
import { toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import {
  protocolVersion,
  trainerMessageSchema,
  type TrainerCommand,
  type TrainerMessage,
  type TrainerTask,
} from '#shared/protocol.ts';
import { BoundedLog } from './boundedLog.ts';
import { lowerPriority } from './lowerPriority.ts';
import type { TrainerLauncher } from './trainerLauncher.ts';
import { describeTrainerLoss } from './trainerLoss.ts';

export type TrainerResult = Extract<
  TrainerMessage,
  {
    type: 'finished' | 'described' | 'verified' | 'bench' | 'parity' | 'methodsChecked' | 'analyzed' | 'exported';
  }
>;

/** How a trainer process ended; exactly one of these for each process. */
export type TrainerEnding =
  | { kind: 'result'; result: TrainerResult }
  /** The trainer said why. */
  | { kind: 'failed'; error: LabErrorData }
  /** The process ended without a word, or spoke another language. */
  | { kind: 'lost'; error: LabErrorData }
  /** `kill()` was called first. */
  | { kind: 'killed' };

export interface TrainerTimeouts {
  /** Until the process says `ready`. */
  startMs: number;
  /** From its last message to its exit; then it is killed. */
  exitMs: number;
}

const defaultTimeouts: TrainerTimeouts = { startMs: 120_000, exitMs: 10_000 };
const linesOfCause = 20;

/** Trainers alive: none may outlive this process, however it ends. */
const alive = new Set<ChildProcess>();
let exitHookInstalled = false;

function killAtExit(child: ChildProcess): void {
  alive.add(child);
  child.once('exit', () => alive.delete(child));
  if (exitHookInstalled) return;
  exitHookInstalled = true;
  process.on('exit', () => {
    for (const trainer of alive) trainer.kill('SIGKILL');
  });
}

/**
 * One trainer process and the task it does. It runs in a process group of its own, so that Ctrl+C
 * at the terminal reaches only main, which then stops it in order; when main dies, the IPC channel
 * closes and the trainer ends by itself.
 */
export class TrainerProcess {
  /** Resolves when the process is gone; never rejects. */
  readonly ended: Promise<TrainerEnding>;
  readonly #child: ChildProcess;
  readonly #task: TrainerTask;
  readonly #onMessage: (message: TrainerMessage) => void;
  readonly #timeouts: TrainerTimeouts;
  readonly #output = new BoundedLog();
  #ending: TrainerEnding | null = null;
  #timer: NodeJS.Timeout | undefined;
  #taskSent = false;
  #stopWanted = false;

  /**
   * Starts the process and gives it the task.
   * @param onMessage Gets every valid message in order. What it throws ends the trainer as `failed`.
   */
  constructor(
    launcher: TrainerLauncher,
    task: TrainerTask,
    onMessage: (message: TrainerMessage) => void,
    timeouts: Partial<TrainerTimeouts> = {},
  ) {
    this.#task = task;
    this.#onMessage = onMessage;
    this.#timeouts = { ...defaultTimeouts, ...timeouts };
    this.#child = fork(launcher.entry, [], {
      execPath: launcher.executable,
      execArgv: [...launcher.executableArguments],
      env: launcher.environment,
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: process.platform !== 'win32',
    });
    if (this.#child.pid !== undefined) lowerPriority(this.#child.pid);
    killAtExit(this.#child);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output.write(text);
      });
    }
    this.#child.on('message', (message) => {
      this.#receive(message);
    });
    this.#timer = setTimeout(() => {
      this.#abandon(
        'trainerLost',
        'The trainer process did not start in time.',
        'Try again when the machine is less busy.',
      );
    }, this.#timeouts.startMs);
    this.ended = this.#awaitEnd();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Asks for a checkpoint at the next step boundary and then the end. */
  stop(): void {
    this.#stopWanted = true;
    if (this.#taskSent) this.#send({ type: 'stop' });
  }

  /** Ends the process at once. */
  kill(): void {
    this.#ending ??= { kind: 'killed' };
    this.#child.kill('SIGKILL');
  }

  /** The last lines the process wrote to its standard streams. */
  lastOutput(count = linesOfCause): string[] {
    return this.#output.last(count);
  }

  #send(command: TrainerCommand): void {
    // A process that is already gone reports itself through `exit`.
    if (this.#child.connected) this.#child.send(command, () => undefined);
  }

  #receive(raw: unknown): void {
    if (this.#ending !== null) return;
    const parsed = trainerMessageSchema.safeParse(raw);
    if (!parsed.success) {
      this.#abandon(
        'engineFailed',
        'The trainer process sent a message that cannot be understood.',
        'Update NormLab; its parts do not fit together.',
        parsed.error.message,
      );
      return;
    }
    const message = parsed.data;
    if (message.type === 'ready') this.#giveTask(message.protocolVersion);
    try {
      this.#onMessage(message);
    } catch (error) {
      this.#ending = { kind: 'failed', error: toLabErrorData(error) };
      this.#child.kill('SIGKILL');
      return;
    }
    switch (message.type) {
      case 'failed':
        this.#conclude({ kind: 'failed', error: withoutUndefined(message.error) });
        break;
      case 'finished':
      case 'described':
      case 'verified':
      case 'bench':
      case 'parity':
      case 'methodsChecked':
      case 'analyzed':
      case 'exported':
        this.#conclude({ kind: 'result', result: message });
        break;
    }
  }

  #giveTask(trainerVersion: number): void {
    clearTimeout(this.#timer);
    if (trainerVersion !== protocolVersion) {
      this.#abandon(
        'engineFailed',
        `The trainer process speaks protocol version ${trainerVersion}, NormLab version ${protocolVersion}.`,
        'Install NormLab again; its parts do not fit together.',
      );
      return;
    }
    this.#send({ type: 'task', protocolVersion, task: this.#task });
    this.#taskSent = true;
    if (this.#stopWanted) this.#send({ type: 'stop' });
  }

  #conclude(ending: TrainerEnding): void {
    this.#ending = ending;
    clearTimeout(this.#timer);
    // A result is a result, even where the process hangs on its way out.
    this.#timer = setTimeout(() => this.#child.kill('SIGKILL'), this.#timeouts.exitMs);
  }

  #abandon(code: LabErrorData['code'], message: string, hint: string, cause?: string): void {
    const details = cause ?? this.lastOutput().join('\n');
    this.#ending ??= { kind: 'lost', error: { code, message, hint, ...(details === '' ? {} : { cause: details }) } };
    this.#child.kill('SIGKILL');
  }

  #awaitEnd(): Promise<TrainerEnding> {
    return new Promise((resolve) => {
      const settle = (ending: () => TrainerEnding): void => {
        clearTimeout(this.#timer);
        resolve((this.#ending ??= ending()));
      };
      this.#child.on('error', (error) => {
        if (this.#child.pid !== undefined) return;
        settle(() => ({
          kind: 'lost',
          error: {
            code: 'trainerLost',
            message: 'The trainer process could not be started.',
            hint: 'Check that Node 24 is there and may be executed.',
            cause: error.message,
          },
        }));
      });
      this.#child.once('exit', (exitCode, signal) => {
        const lost = (): TrainerEnding => ({
          kind: 'lost',
          error: describeTrainerLoss(exitCode, signal, this.lastOutput()),
        });
        // `close` comes after the last message and the last output; a grandchild may hold it back.
        const timer = setTimeout(() => {
          settle(lost);
        }, 2000);
        this.#child.once('close', () => {
          clearTimeout(timer);
          settle(lost);
        });
      });
    });
  }
}

function withoutUndefined(error: Extract<TrainerMessage, { type: 'failed' }>['error']): LabErrorData {
  const { cause, ...rest } = error;
  return cause === undefined ? rest : { ...rest, cause };
}
