import type { EngineLocation } from '#shared/protocol.ts';
import { openEngines } from '../lab.ts';
import type { CommandContext } from './context.ts';
import { onInterrupts } from './interrupts.ts';
import { ProgressLine, showInstallProgress } from './progressLine.ts';

/** What work outside of a run gets: where it shows its progress, and the wish to end it. */
export interface EngineWork {
  line: ProgressLine;
  signal: AbortSignal;
}

/** Does work that shows its progress. Ctrl+C cancels it, once more ends this process at once. */
export async function withProgress<Result>(
  context: CommandContext,
  work: (tools: EngineWork) => Promise<Result>,
): Promise<Result> {
  const line = new ProgressLine(context.output);
  const abort = new AbortController();
  const endInterrupts = onInterrupts(
    () => abort.abort(),
    () => process.exit(130),
  );
  try {
    return await work({ line, signal: abort.signal });
  } finally {
    line.clear();
    endInterrupts();
  }
}

/** As `withProgress`, with an engine: installed first where it has to be; what was passed over is said. */
export function withEngine<Result>(
  context: CommandContext,
  wanted: 'auto' | 'tensorflow' | 'javascript',
  work: (engine: EngineLocation, tools: EngineWork) => Promise<Result>,
): Promise<Result> {
  return withProgress(context, async (tools) => {
    const { location, notes } = await openEngines(context.launcher).choose(wanted, {
      install: true,
      signal: tools.signal,
      onProgress: (progress) => {
        showInstallProgress(tools.line, progress);
      },
    });
    for (const { message, hint } of notes) tools.line.note(`${message} ${hint}`);
    return work(location, tools);
  });
}
