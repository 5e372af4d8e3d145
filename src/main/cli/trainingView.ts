import type { EngineProgress, RunListItem } from '#shared/contract.ts';
import type { RunProgress } from '#shared/domain/metric.ts';
import type { RunState } from '#shared/domain/runState.ts';
import { formatDuration, formatLoss, formatPercent, formatRate } from './format.ts';
import type { CommandOutput } from './output.ts';
import { showInstallProgress, type ProgressLine } from './progressLine.ts';
import { withoutCause } from './runTables.ts';

/** Between progress lines in JSON. */
const progressEventMs = 500;

/** Shows runs while they train: each new state once, progress now and then. */
export class TrainingView {
  readonly #output: CommandOutput;
  readonly #line: ProgressLine;
  readonly #runIds: readonly string[];
  readonly #states = new Map<string, RunState>();
  readonly #shown = new Map<string, string>();
  readonly #lastEventAt = new Map<string, number>();

  constructor(output: CommandOutput, line: ProgressLine, runIds: readonly string[]) {
    this.#output = output;
    this.#line = line;
    this.#runIds = runIds;
  }

  show(run: RunListItem): void {
    this.#showState(run);
    this.#showProgress(run);
  }

  showEngine(progress: EngineProgress): void {
    showInstallProgress(this.#line, progress);
    if (this.#isDue('engine')) this.#output.event({ type: 'progress', task: 'engine', ...progress });
  }

  #position(run: RunListItem): { run: number; runs: number } {
    return { run: this.#runIds.indexOf(run.id) + 1, runs: this.#runIds.length };
  }

  #showState(run: RunListItem): void {
    const before = this.#states.get(run.id);
    if (before === run.state) return;
    this.#states.set(run.id, run.state);
    const { id, label, seed, state } = run;
    const error = withoutCause(run.error);
    this.#output.event({ type: 'run', id, label, seed, ...this.#position(run), state, error });
    // Waiting is no news; failures are for people too.
    if (before === undefined && state === 'queued') return;
    // Divergence is a result, and said with the results.
    if (error !== null && state !== 'diverged' && !this.#output.json) {
      this.#line.note(`${label}: ${error.message} ${error.hint}`);
    }
  }

  #showProgress(run: RunListItem): void {
    const { progress } = run;
    if (progress === null || (run.state !== 'running' && run.state !== 'stopping')) return;
    // A run also changes when something else about it is written.
    const text = JSON.stringify(progress);
    if (text === this.#shown.get(run.id)) return;
    this.#shown.set(run.id, text);
    const position = this.#position(run);
    if (this.#output.json && this.#isDue(run.id)) {
      this.#output.event({ type: 'progress', id: run.id, label: run.label, ...position, ...progress });
    }
    this.#line.update(
      `run ${position.run} of ${position.runs}, ${run.label}${run.state === 'stopping' ? ', stopping' : ''}`,
      progress.step / progress.totalSteps,
      describeProgress(progress),
    );
  }

  #isDue(what: string): boolean {
    const now = Date.now();
    if (now - (this.#lastEventAt.get(what) ?? 0) < progressEventMs) return false;
    this.#lastEventAt.set(what, now);
    return true;
  }
}

function describeProgress(progress: RunProgress): string {
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
