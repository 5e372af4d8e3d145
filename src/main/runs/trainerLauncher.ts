import { fileURLToPath } from 'node:url';

/** How a trainer process is started. The same for desktop, web host and command line. */
export interface TrainerLauncher {
  /** A Node 24 binary. */
  executable: string;
  executableArguments: readonly string[];
  /** The module that speaks the protocol. */
  entry: string;
  environment: NodeJS.ProcessEnv;
}

/** The one place that knows where the trainer's entry is. */
const trainerEntry = fileURLToPath(new URL('../../trainer/index.ts', import.meta.url));

/**
 * The launcher for this process. Where this process is not Node itself (Electron), `executable`
 * names the Node 24 binary that ships with the app.
 */
export function trainerLauncher(options: Partial<TrainerLauncher> = {}): TrainerLauncher {
  return {
    executable: options.executable ?? process.execPath,
    // Never this process's own flags: an inspector port or a loader is not meant for the trainer.
    executableArguments: options.executableArguments ?? ['--disable-warning=ExperimentalWarning'],
    entry: options.entry ?? trainerEntry,
    environment: options.environment ?? process.env,
  };
}
