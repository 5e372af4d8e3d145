import { LabError } from '#shared/errors.ts';
import { createLabContract } from '../contract/labContract.ts';
import { createLab, type LabOptions } from '../lab.ts';
import { openBrowser } from './openBrowser.ts';
import { findOwnerHost } from './ownerHost.ts';
import { startWebHost } from './startWebHost.ts';

export interface ServeLabOptions extends Pick<LabOptions, 'labDirectory' | 'launcher' | 'engines'> {
  /** 0 takes a free one. */
  port: number;
  /** Shows the page in this user's browser. */
  open: boolean;
  /** In place of this user's browser. */
  show?: (url: string) => void;
  /** Gets the ready line, without its line end. */
  print: (line: string) => void;
  /** Gets what is worth a line in the log. */
  log: (line: string) => void;
  /** Aborted to end it: trainers write checkpoints first. */
  signal: AbortSignal;
}

export function readyLine(url: string): string {
  return `NormLab is ready at ${url}`;
}

/**
 * Opens a lab and serves it until the signal aborts. Where another process owns the lab and serves it,
 * that address is printed and nothing else is started.
 * @throws LabError as `createLab` and `startWebHost`.
 */
export async function serveLab(options: ServeLabOptions): Promise<void> {
  const { show = openBrowser } = options;
  const { labDirectory, launcher, engines } = options;
  let lab;
  try {
    lab = await createLab({
      labDirectory,
      door: 'web',
      orForReading: true,
      ...(launcher ? { launcher } : {}),
      ...(engines ? { engines } : {}),
    });
  } catch (error) {
    const owner = error instanceof LabError && error.code === 'labInUse' ? await findOwnerHost(labDirectory) : null;
    if (!owner) throw error;
    options.print(readyLine(owner.url));
    if (options.open) show(await owner.urlForBrowser());
    return;
  }
  const contract = createLabContract(lab, {
    onUnexpected: (name, error) => {
      options.log(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    },
  });
  try {
    const host = await startWebHost({ lab: contract, port: options.port });
    try {
      options.print(readyLine(host.url));
      if (options.open) show(host.urlForBrowser());
      await whenAborted(options.signal);
    } finally {
      await host.close();
    }
  } finally {
    await contract.close();
  }
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
