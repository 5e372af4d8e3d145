import type { QueueState, RunListItem, RunOverview } from '#shared/contract.ts';
import { isActive } from '#shared/domain/runState.ts';
import type { LabErrorData } from '#shared/errors.ts';
import type { CommandContext } from './context.ts';
import { onInterrupts } from './interrupts.ts';
import { ProgressLine } from './progressLine.ts';
import { formatRunTable, summarizeRun } from './runTables.ts';
import type { LabSession } from './session.ts';
import { TrainingView } from './trainingView.ts';
import { watchQueue } from './watchQueue.ts';

export interface TrainedRuns {
  runs: RunOverview[];
  /** How following them ended: of itself, by stopping them, or (as a client) by leaving them to the owner. */
  ending: 'ended' | 'stopped' | 'left';
  /** Why the queue stopped before its end. */
  halted: LabErrorData | null;
}

/**
 * Follows runs that are queued or train already to their end, and shows how they go. Where this process
 * owns the lab, Ctrl+C (or SIGTERM, as a cluster sends it) once stops with a checkpoint, twice at once,
 * and what was not trained stays queued; a client only stops following.
 */
export async function trainRuns(
  context: CommandContext,
  session: LabSession,
  runIds: readonly string[],
): Promise<TrainedRuns> {
  const { client, lab } = session;
  const line = new ProgressLine(context.output);
  const view = new TrainingView(context.output, line, runIds);
  const watched = new Set(runIds);
  const said = new Set<string>();
  const find = (): Promise<RunOverview[]> => client.invoke('runs.find', { ids: [...runIds] });
  const showAll = (runs: readonly RunListItem[]): void => {
    for (const run of runs) if (watched.has(run.id)) view.show(run);
  };
  const asked = Promise.withResolvers<'left'>();
  let stopped = false;
  const queue = watchQueue(client, runIds);
  const ends = [
    () => queue.end(),
    client.subscribe('runsChanged', ({ runs }) => showAll(runs)),
    client.subscribe('runsLogged', ({ logs }) => {
      for (const { runId, record } of logs) {
        // What holds for the machine is logged with each of many runs.
        if (!watched.has(runId) || record.level !== 'warning' || said.has(record.text)) continue;
        said.add(record.text);
        line.note(record.text);
      }
    }),
    client.subscribe('healthChanged', ({ warnings }) => {
      for (const { code, message, hint } of warnings) {
        if (said.has(code)) continue;
        said.add(code);
        line.note(`${message} ${hint}`);
      }
    }),
    client.subscribe('engineProgress', ({ runId, progress }) => {
      if (watched.has(runId)) view.showEngine(progress);
    }),
    onInterrupts(
      () => {
        if (lab === null) {
          asked.resolve('left');
          return;
        }
        stopped = true;
        line.note('Stopping with a checkpoint; Ctrl+C again ends at once.');
        lab.runs.interrupt();
      },
      () => void lab?.runs.close({ graceful: false }),
    ),
  ];
  const follow = async (): Promise<TrainedRuns> => {
    showAll((await find()).filter((run) => run.state !== 'queued'));
    queue.look();
    const end = await Promise.race([queue.over, asked.promise]);
    const runs = await find();
    if (end === 'left') return { runs, ending: 'left', halted: null };
    showAll(runs);
    return { runs, ending: stopped ? 'stopped' : 'ended', halted: end.halted ?? describePause(context, end) };
  };
  try {
    return await session.guard(follow());
  } finally {
    line.clear();
    for (const end of ends) end();
  }
}

/** Why runs that wait in a paused queue do not start. */
function describePause(context: CommandContext, { settings, queued }: QueueState): LabErrorData | null {
  if (!settings.paused || queued.length === 0) return null;
  const hint = `Let it go on with ${context.commandLine('queue resume')}.`;
  return { code: 'invalidState', message: 'It is paused.', hint };
}

/** Waits until runs that were asked to stop or to pause have done so; returns them then. */
export async function whenStopped(
  context: CommandContext,
  session: LabSession,
  runIds: readonly string[],
  doing: 'stopping' | 'pausing',
): Promise<RunOverview[]> {
  const { client } = session;
  const queue = watchQueue(client, runIds);
  const wait = async (): Promise<RunOverview[]> => {
    const active = (await client.invoke('runs.find', { ids: [...runIds] })).filter((run) => isActive(run.state));
    if (active.length > 0) {
      context.output.note(`${active.map((run) => run.id).join(', ')}: ${doing} with a checkpoint.`);
    }
    queue.look();
    await queue.over;
    return client.invoke('runs.find', { ids: [...runIds] });
  };
  try {
    return await session.guard(wait());
  } finally {
    queue.end();
  }
}

/**
 * Says what did not come to its end, and sets the exit status.
 * @param goOn The command that goes on with the runs, or follows them again.
 */
export function concludeTraining(
  context: CommandContext,
  session: LabSession,
  trained: TrainedRuns,
  resumeId: string,
  goOn = context.commandLine(`runs resume ${resumeId}`),
): void {
  const { runs, ending, halted } = trained;
  if (halted !== null) {
    const isSaid = runs.some((run) => run.error?.message === halted.message);
    context.output.note(isSaid ? 'The queue stopped.' : `The queue stopped: ${halted.message} ${halted.hint}`);
  }
  for (const run of runs.filter((candidate) => candidate.state === 'diverged')) {
    context.output.note(`${run.label}, seed ${run.seed}: ${run.error?.message ?? ''} ${run.error?.hint ?? ''}`);
  }
  if (allHaveResults(runs)) return;
  context.exitStatus = 1;
  if (ending === 'left') {
    context.output.note(
      `The runs go on in ${session.owner ?? 'the lab'}. Stop them: ${context.commandLine(`runs stop ${resumeId}`)}\nFollow them again: ${goOn}`,
    );
    return;
  }
  const resumable = runs.filter((run) => run.state !== 'done' && run.state !== 'diverged').length;
  context.output.note(
    `${ending === 'stopped' ? 'Stopped. ' : ''}${resumable} of ${runs.length} ${runs.length === 1 ? 'run' : 'runs'} can go on: ${goOn}`,
  );
}

/** How a command that trains names what it trains. */
export interface TrainingReport {
  /** Names the runs in commands that stop them or go on with them. */
  resumeId: string;
  /** The command that goes on, where that is not `runs resume`. */
  goOn?: string;
  /** Stands before the runs in the result. */
  facts?: object;
}

/** Trains runs to their end, or follows those that train already, and reports; then lets clients' runs end too. */
export async function trainAndReport(
  context: CommandContext,
  session: LabSession,
  runIds: readonly string[],
  { resumeId, goOn, facts = {} }: TrainingReport,
): Promise<void> {
  const trained = await trainRuns(context, session, runIds);
  concludeTraining(context, session, trained, resumeId, goOn);
  const runs = trained.runs.map(summarizeRun);
  context.output.result({ type: 'result', ...facts, runs }, formatRunTable(trained.runs));
  if (trained.ending === 'ended') await session.whenIdle();
}

/** Whether every run came to an end that is a result: done, or diverged. */
function allHaveResults(runs: readonly RunListItem[]): boolean {
  return runs.every((run) => run.state === 'done' || run.state === 'diverged');
}
