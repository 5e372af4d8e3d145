import { serveLab } from '../web/serveLab.ts';
import { ensureBuilt } from '../launch/builtParts.ts';
import type { CommandContext } from './context.ts';
import { onInterrupts } from './interrupts.ts';
import { UsageError } from './usageError.ts';

/** @throws UsageError where it is no port. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new UsageError(
    'invalidArgument',
    `“${text}” is not a port.`,
    'Give a number from 0 to 65535; 0 takes a free one.',
  );
}

/** A signal that aborts when the person asks for an end; who asks twice does not want to wait for checkpoints. */
export function endOnSignals(): { signal: AbortSignal; stop: () => void } {
  const abort = new AbortController();
  const stop = onInterrupts(
    () => abort.abort(),
    () => process.exit(1),
  );
  return { signal: abort.signal, stop };
}

/** Serves the lab to this user's browser until it is told to end. */
export async function serveInBrowser(
  context: CommandContext,
  options: { port: number; open: boolean; signal: AbortSignal },
): Promise<void> {
  await ensureBuilt('interface', (line) => {
    context.output.note(line);
  });
  await serveLab({
    ...options,
    labDirectory: context.labDirectory,
    launcher: context.launcher,
    print: (line) => {
      context.output.result({ type: 'ready', line }, line);
    },
    log: (line) => {
      context.output.note(line);
    },
  });
}
