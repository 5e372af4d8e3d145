import type { LabErrorData } from '#shared/errors.ts';
import type { Lab } from '../lab.ts';
import type { RunRecord } from '../store/store.ts';
import type { CommandContext } from './context.ts';
import { showInstallProgress } from './engines.ts';
import { formatDuration, formatLoss, formatPercent, formatRate } from './format.ts';
import { ProgressLine } from './progressLine.ts';
import { summarizeRun } from './runTables.ts';

/** Between progress lines in JSON. */
const progressEventMs = 500;

export interface TrainedRuns {
  runs: RunRecord[];
  interrupted: boolean;
  /** Why the queue stopped before its end. */
  halted: LabErrorData | null;
}

/**
 * Trains runs to their end and shows how they go. Ctrl+C (or SIGTERM, as a cluster sends it) once
 * stops with a checkpoint, twice at once; what was not trained stays queued.
 * @param runIds Runs in state `queued`.
 */
export async function trainRuns(context: CommandContext, lab: Lab, runIds: readonly string[]): Promise<TrainedRuns> {
  const { output } = context;
  const line = new ProgressLine(output);
  const watched = new Set(runIds);
  const states = new Map<string, RunRecord['state']>();
  const lastEventAt = new Map<string, number>();
  const shown = new Map<string, RunRecord['progress']>();
  let interrupted = false;

  const position = (run: RunRecord): { run: number; runs: number } => ({
    run: runIds.indexOf(run.id) + 1,
    runs: runIds.length,
  });
  const showState = (run: RunRecord): void => {
    if (states.get(run.id) === run.state) return;
    const isFirst = !states.has(run.id);
    states.set(run.id, run.state);
    const { id, label, state, error } = summarizeRun(run);
    output.event({ type: 'run', id, label, seed: run.document.seed, ...position(run), state, error });
    // Waiting is no news; failures are for people too.
    if (isFirst && run.state === 'queued') return;
    // Divergence is a result, and said with the results.
    if (run.error !== null && run.state !== 'diverged' && !output.json)
      line.note(`${run.label}: ${run.error.message} ${run.error.hint}`);
  };
  const showProgress = (run: RunRecord): void => {
    const { progress } = run;
    if (progress === null || (run.state !== 'running' && run.state !== 'stopping')) return;
    // A run also changes when something else about it is written.
    if (progress === shown.get(run.id)) return;
    shown.set(run.id, progress);
    const now = Date.now();
    if (output.json && now - (lastEventAt.get(run.id) ?? 0) >= progressEventMs) {
      lastEventAt.set(run.id, now);
      output.event({ type: 'progress', id: run.id, label: run.label, ...position(run), ...progress });
    }
    const { run: number, runs } = position(run);
    line.update(
      `run ${number} of ${runs}, ${run.label}${run.state === 'stopping' ? ', stopping' : ''}`,
      progress.step / progress.totalSteps,
      describeProgress(progress),
    );
  };

  const endObservation = lab.runs.observe(({ changed, logs }) => {
    for (const run of changed) {
      if (!watched.has(run.id)) continue;
      showState(run);
      showProgress(run);
    }
    for (const { runId, record } of logs) {
      if (watched.has(runId) && record.level === 'warning') line.note(record.text);
    }
  });
  let lastInstallEventAt = 0;
  const endInstallObservation = lab.runs.observeInstall((_, progress) => {
    showInstallProgress(line, progress);
    const now = Date.now();
    if (now - lastInstallEventAt < progressEventMs) return;
    lastInstallEventAt = now;
    output.event({ type: 'progress', task: 'engine', ...progress });
  });
  const interrupt = (): void => {
    if (!interrupted) {
      interrupted = true;
      line.note('Stopping with a checkpoint; Ctrl+C again ends at once.');
      lab.runs.interrupt();
      return;
    }
    void lab.runs.close({ graceful: false });
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  try {
    lab.runs.start(runIds);
    const runs = await lab.runs.whenEnded(runIds);
    line.clear();
    return { runs, interrupted, halted: lab.runs.queueState().halted };
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    endObservation();
    endInstallObservation();
  }
}

function describeProgress(progress: NonNullable<RunRecord['progress']>): string {
  return [
    `epoch ${progress.epoch.toFixed(1)}`,
    progress.trainLoss === null ? '' : `loss ${formatLoss(progress.trainLoss)}`,
    progress.validationAccuracy === null ? '' : `accuracy ${formatPercent(progress.validationAccuracy)}`,
    progress.samplesPerSecond === null ? '' : `${formatRate(progress.samplesPerSecond)} samples/s`,
    progress.secondsLeft === null ? '' : `${formatDuration(progress.secondsLeft)} left`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** Whether every run came to an end that is a result: done, or diverged. */
export function allHaveResults(runs: readonly RunRecord[]): boolean {
  return runs.every((run) => run.state === 'done' || run.state === 'diverged');
}
