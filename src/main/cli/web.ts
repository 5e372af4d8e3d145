import type { Command } from 'commander';
import type { CommandContext } from './context.ts';
import { endOnSignals, parsePort, serveInBrowser } from './serve.ts';

export function addWebCommand(program: Command, context: CommandContext): void {
  program
    .command('web')
    .description('Serve the interface on 127.0.0.1 and print its address.')
    .option('--port <port>', '0 takes a free one', '0')
    .option('--open', 'open it in this user’s browser')
    .action(async ({ port, open }: { port: string; open?: boolean }) => {
      const end = endOnSignals();
      try {
        await serveInBrowser(context, { port: parsePort(port), open: open === true, signal: end.signal });
      } finally {
        end.stop();
      }
    });
}
