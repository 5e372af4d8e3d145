import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { applicationDirectory } from '../applicationPaths.ts';
import { findCacheDirectory } from '../engines/engineCache.ts';
import { ensureBuilt } from '../launch/builtParts.ts';
import { runDesktopWindow } from '../launch/desktopWindow.ts';
import { findElectron } from '../launch/electronBinary.ts';
import { findOwnerHost } from '../web/ownerHost.ts';
import type { CommandContext } from './context.ts';
import { formatBytes } from './format.ts';
import { endOnSignals, parsePort, serveInBrowser } from './serve.ts';

interface StartOptions {
  web?: boolean;
  open: boolean;
  port: string;
  fetchWindow?: boolean;
}

export function addStartCommand(program: Command, context: CommandContext): void {
  program
    .command('start')
    .description('Open NormLab: in a window of its own where there is one, else in the browser.')
    .option('--web', 'in the browser, also where there is a window')
    .option('--no-open', 'only print the address')
    .option('--port <port>', 'of the browser’s page; 0 takes a free one', '0')
    .option('--fetch-window', 'try again to download the window (Electron)')
    .action((options: StartOptions) => start(context, options));
}

async function start(context: CommandContext, options: StartOptions): Promise<void> {
  const port = parsePort(options.port);
  const end = endOnSignals();
  try {
    if (!options.web) {
      const reason = await openWindow(context, options.fetchWindow === true, end.signal);
      if (reason === null) return;
      context.output.note(`NormLab opens in the browser: ${reason}.`);
    }
    await serveInBrowser(context, { port, open: options.open, signal: end.signal });
  } finally {
    end.stop();
  }
}

/** @returns Null where the window was there until it was closed, else why there was none. */
async function openWindow(context: CommandContext, retry: boolean, signal: AbortSignal): Promise<string | null> {
  if ((await findOwnerHost(context.labDirectory)) !== null) return 'another NormLab has this lab open already';
  const electron = await findElectron({
    packageDirectory: join(applicationDirectory, 'node_modules', 'electron'),
    cacheDirectory: dirname(findCacheDirectory(context.environment, process.platform)),
    environment: context.environment,
    platform: process.platform,
    retry,
    onProgress: (bytes) => {
      if (context.output.interactive) context.output.draw(`\rFetching the window (Electron): ${formatBytes(bytes)} `);
    },
  });
  if (electron.file === null) return electron.reason;
  await ensureBuilt('desktop', (line) => {
    context.output.note(line);
  });
  return runDesktopWindow({
    electronFile: electron.file,
    labDirectory: context.labDirectory,
    environment: context.environment,
    signal,
  });
}
