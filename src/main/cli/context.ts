import { join, resolve } from 'node:path';
import { LabError } from '#shared/errors.ts';
import { createDatasetService, type DatasetService } from '../datasets/datasetService.ts';
import { openStore } from '../store/openStore.ts';
import type { Store } from '../store/store.ts';
import { createLab, openEngines, type Lab } from '../lab.ts';
import { trainerLauncher, type TrainerLauncher } from '../runs/trainerLauncher.ts';
import type { EngineService } from '../engines/engineService.ts';
import { defaultLabDirectory } from '../store/labDirectory.ts';
import type { CommandOutput } from './output.ts';

export interface GlobalOptions {
  lab?: string;
  json?: boolean;
}

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

  /** For commands that only read data sets: needs no lab of its own. */
  get datasets(): DatasetService {
    return createDatasetService({ datasetsDirectory: join(this.labDirectory, 'datasets') });
  }

  get engines(): EngineService {
    return openEngines(this.launcher);
  }

  /** Opens the lab for one command and closes it whatever happens. */
  async withLab<Result>(use: (lab: Lab) => Promise<Result>): Promise<Result> {
    const lab = await createLab({ labDirectory: this.labDirectory, door: 'cli', launcher: this.launcher });
    for (const { message, hint } of lab.notices) this.output.note(`${message} ${hint}`);
    try {
      return await use(lab);
    } finally {
      await lab.close();
    }
  }

  /** Reads the store for one command, also while another process owns the lab: SQLite allows readers. */
  async withStore<Result>(use: (store: Store) => Promise<Result>): Promise<Result> {
    try {
      return await this.withLab((lab) => use(lab.store));
    } catch (error) {
      if (!(error instanceof LabError) || error.code !== 'labInUse') throw error;
    }
    const store = openStore(this.labDirectory);
    try {
      return await use(store);
    } finally {
      store.close();
    }
  }
}
