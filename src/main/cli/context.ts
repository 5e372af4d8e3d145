import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LabError } from '#shared/errors.ts';
import { trainerLauncher, type TrainerLauncher } from '../runs/trainerLauncher.ts';
import { defaultLabDirectory } from '../store/labDirectory.ts';
import type { CommandOutput } from './output.ts';
import type { LabReader } from './readOnlyClient.ts';
import type { LabSession } from './session.ts';
import { UsageError } from './usageError.ts';

export interface GlobalOptions {
  lab?: string;
  json?: boolean;
}

/** Patience with an owner that may be about to answer, or to end: another command, or the app as it starts. */
const patienceMs = 2000;
const retryIntervalMs = 100;

/** What every command works with. */
export class CommandContext {
  readonly output: CommandOutput;
  readonly environment: NodeJS.ProcessEnv;
  readonly launcher: TrainerLauncher;
  /** Set by a command whose work failed without an error of its own. */
  exitStatus = 0;
  #options: GlobalOptions = {};

  constructor(output: CommandOutput, environment: NodeJS.ProcessEnv) {
    this.output = output;
    this.environment = environment;
    this.launcher = trainerLauncher({ environment });
  }

  configure(options: GlobalOptions): void {
    if (options.lab === '') {
      throw new UsageError(
        'invalidArgument',
        'The folder after --lab has no name.',
        'Name a folder, or leave --lab out.',
      );
    }
    this.#options = options;
  }

  /** A path as the person typed it: relative to where the command was typed, not to the project. */
  resolvePath(path: string): string {
    return resolve(this.environment['INIT_CWD'] ?? process.cwd(), path);
  }

  get labDirectory(): string {
    const { lab } = this.#options;
    return lab === undefined ? defaultLabDirectory(this.environment) : this.resolvePath(lab);
  }

  /** How to call this lab again, for hints: `npm run --silent lab -- --lab DIR`. */
  commandLine(command: string): string {
    const { lab } = this.#options;
    const folder = lab === undefined ? '' : ` --lab ${/[^\w./@:+-]/.test(lab) ? JSON.stringify(lab) : lab}`;
    return `npm run --silent lab -- ${command}${folder}`;
  }

  /**
   * Works with the lab for one command, and closes what it opened whatever happens: as a client of the
   * process that owns the lab, or as its owner where there is none.
   * @param options.hosts For a command that takes long: as owner it serves other commands meanwhile.
   * @throws LabError `labInUse` where the owner does not answer; and as `createLab`.
   */
  async withLab<Result>(
    use: (session: LabSession) => Promise<Result>,
    options: { hosts?: boolean } = {},
  ): Promise<Result> {
    const session = await this.#open(options.hosts ?? false, patienceMs);
    try {
      return await use(session);
    } finally {
      await session.close();
    }
  }

  /**
   * As `withLab`, for commands that only read: where the owner does not answer, they only read the database,
   * and a copy of it where the lab is one of a newer program.
   * @param use Gets the folder of the database that is read, too.
   */
  async withReader<Result>(use: (reader: LabReader, databaseDirectory: string) => Promise<Result>): Promise<Result> {
    let session: LabSession;
    try {
      session = await this.#open(false, 0);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      if (error.code === 'labFromNewerVersion') {
        this.output.note(`${error.message} It is only read.`);
        return this.#readCopy(use);
      }
      if (error.code !== 'labInUse') throw error;
      return this.#readBeside(use);
    }
    try {
      return await use(session.client, this.labDirectory);
    } finally {
      await session.close();
    }
  }

  /** What is loaded late is not needed by every command: most of a short command's time is loading. */
  async #open(hosts: boolean, patience: number): Promise<LabSession> {
    const { labDirectory, launcher, output } = this;
    const giveUpAt = performance.now() + patience;
    const { openClientSession } = await import('./session.ts');
    for (;;) {
      const client = await openClientSession(
        labDirectory,
        `Look at what it did with \`${this.commandLine('runs list')}\`; runs go on from their last checkpoints with \`runs resume\`.`,
      );
      if (client) return client;
      const { openOwnSession } = await import('./ownSession.ts');
      try {
        return await openOwnSession({ labDirectory, launcher, output, hosts });
      } catch (error) {
        const isInUse = error instanceof LabError && error.code === 'labInUse';
        if (!isInUse || performance.now() >= giveUpAt) throw error;
      }
      await delay(retryIntervalMs);
    }
  }

  async #readCopy<Result>(use: (reader: LabReader, databaseDirectory: string) => Promise<Result>): Promise<Result> {
    const [{ openLabForReading }, { createReadOnlyClient }] = await Promise.all([
      import('../store/labForReading.ts'),
      import('./readOnlyClient.ts'),
    ]);
    const lab = await openLabForReading(this.labDirectory, 'cli');
    const { store, notices, databaseDirectory } = lab;
    try {
      for (const { message, hint } of notices) this.output.note(`${message} ${hint}`);
      return await use(createReadOnlyClient(store, this.labDirectory), databaseDirectory);
    } finally {
      lab.close();
    }
  }

  async #readBeside<Result>(use: (reader: LabReader, databaseDirectory: string) => Promise<Result>): Promise<Result> {
    const [{ openStore }, { createReadOnlyClient }] = await Promise.all([
      import('../store/openStore.ts'),
      import('./readOnlyClient.ts'),
    ]);
    const store = openStore(this.labDirectory, {
      readOnly: true,
      onNotice: ({ message, hint }) => this.output.note(`${message} ${hint}`),
    });
    try {
      return await use(createReadOnlyClient(store, this.labDirectory), this.labDirectory);
    } finally {
      store.close();
    }
  }
}
