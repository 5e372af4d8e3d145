import { nodeExecutable, trainerEntry } from '../applicationPaths.ts';

/** How a trainer process is started. The same for desktop, web host and command line. */
export interface TrainerLauncher {
  /** A Node 24 binary. */
  executable: string;
  executableArguments: readonly string[];
  /** The module that speaks the protocol. */
  entry: string;
  environment: NodeJS.ProcessEnv;
}

/** The launcher for this process; the parts that are not named are the usual ones. */
export function trainerLauncher(options: Partial<TrainerLauncher> = {}): TrainerLauncher {
  return {
    executable: options.executable ?? nodeExecutable(),
    // Never this process's own flags: an inspector port or a loader is not meant for the trainer.
    executableArguments: options.executableArguments ?? ['--disable-warning=ExperimentalWarning'],
    entry: options.entry ?? trainerEntry,
    environment: options.environment ?? process.env,
  };
}
