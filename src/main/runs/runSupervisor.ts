import { mkdir } from 'node:fs/promises';
import { generatedDataset } from '#shared/domain/architectures/index.ts';
import { recordHostNameKey } from '#shared/domain/labSettings.ts';
import { machineValues, type MachineHealth } from '#shared/domain/machineHealth.ts';
import { isTimingSeries, type RunProgress, type SeriesPoints } from '#shared/domain/metric.ts';
import type { RunState } from '#shared/domain/runState.ts';
import { LabError, toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import type { EngineLocation, TrainerMessage } from '#shared/protocol.ts';
import { removeLeftoverTemporaryFiles } from '#files/atomicWrite.ts';
import type { DatasetService } from '../datasets/datasetService.ts';
import type { EngineService, InstallProgress } from '../engines/engineService.ts';
import type { HealthMonitor } from '../health/healthMonitor.ts';
import type { LogRecord, RunPatch, RunRecord, Store } from '../store/store.ts';
import { checkpointDirectory, chooseCheckpoint, removeOldCheckpoints } from './checkpointFiles.ts';
import { describeRunEnvironment } from './environment.ts';
import type { RunEvents } from './runEvents.ts';
import type { TrainerLauncher } from './trainerLauncher.ts';
import { TrainerProcess, type TrainerEnding } from './trainerProcess.ts';
import { weightsFile } from './weightsFiles.ts';

export interface SupervisorContext {
  store: Pick<Store, 'runs' | 'metrics' | 'memory'>;
  datasets: Pick<DatasetService, 'get' | 'directory'>;
  engines: Pick<EngineService, 'choose'>;
  launcher: TrainerLauncher;
  labDirectory: string;
  events: RunEvents;
  /** Between writes of metrics and progress to the store. */
  flushIntervalMs: number;
  /** From the wish to stop to the kill. */
  stopTimeoutMs: number;
  onInstallProgress: (runId: string, progress: InstallProgress) => void;
  /** Read regularly while runs train; absent where nothing of the machine is recorded. */
  health?: Pick<HealthMonitor, 'latest'>;
}

const now = (): string => new Date().toISOString();

/** Trains one run in one trainer process after another, until it ends, and keeps its record. */
export class RunSupervisor {
  readonly runId: string;
  /** The run as it ended; never rejects. */
  readonly finished: Promise<RunRecord>;
  readonly #context: SupervisorContext;
  readonly #abort = new AbortController();
  #record: RunRecord;
  #epochSteps: number | null = null;
  #trainer: TrainerProcess | null = null;
  #prepared = false;
  #progress: RunProgress | null = null;
  #progressDirty = false;
  /** The reading of the machine that was stored last, and the step that it was stored at. */
  #recordedHealth: { health: MachineHealth | null; step: number } = { health: null, step: -1 };
  /** The latest reading of the machine when the first step was done; null before. */
  #atFirstStep: { health: MachineHealth | null } | null = null;
  #startStep = 0;
  #stopTimer: NodeJS.Timeout | undefined;
  /** What a stop on request makes of the run. */
  #restState: 'stopped' | 'paused' | 'queued' = 'stopped';
  /** A failure of this side, such as a full disk: it outweighs how the trainer ended. */
  #ownError: LabErrorData | null = null;

  constructor(context: SupervisorContext, runId: string) {
    this.#context = context;
    this.runId = runId;
    this.#record = context.store.runs.transition(runId, 'preparing', { startedAt: now(), error: null });
    context.events.runChanged(this.#record);
    this.finished = this.#train();
  }

  get pid(): number | undefined {
    return this.#trainer?.pid;
  }

  /** The run as it is now, with progress that the store does not have yet. */
  get record(): RunRecord {
    return this.#progress === null ? this.#record : { ...this.#record, progress: this.#progress };
  }

  /** First: a checkpoint, then the end, also of a pause that is under way. Second, or after a time-out: at once. */
  stop(): void {
    const isPausing = this.#restState === 'paused';
    this.#restState = 'stopped';
    if (this.#record.state !== 'stopping') this.#beginStop();
    else if (!isPausing) this.kill();
  }

  /** As the first `stop`, but the run is paused then. */
  pause(): void {
    this.#restState = 'paused';
    this.#beginStop();
  }

  /** As the first `stop`, but the run waits then: nobody wanted it to end, only the lab is closed. */
  suspend(): void {
    this.#restState = 'queued';
    this.#beginStop();
  }

  #beginStop(): void {
    this.#beginStopping();
    this.#trainer?.stop();
    this.#stopTimer = setTimeout(() => {
      this.#log('warning', 'The trainer did not stop in time and was ended.');
      this.kill();
    }, this.#context.stopTimeoutMs);
  }

  /** Ends the trainer at once: steps after the last checkpoint are trained again on resuming. */
  kill(): void {
    if (this.#record.state !== 'stopping') this.#beginStopping();
    this.#trainer?.kill();
  }

  #beginStopping(): void {
    if (this.#record.state !== 'preparing' && this.#record.state !== 'running') return;
    this.#transition('stopping');
    this.#abort.abort();
  }

  async #train(): Promise<RunRecord> {
    const flushTimer = setInterval(() => {
      this.#guard(() => {
        this.#flush();
      });
    }, this.#context.flushIntervalMs);
    try {
      const engine = await this.#chooseEngine();
      const datasetDirectory = await this.#findDataset();
      for (;;) {
        if (this.#abort.signal.aborted) return this.#conclude({ kind: 'killed' });
        const { checkpoint, problems } = await chooseCheckpoint(
          this.#context.store.runs,
          this.#context.labDirectory,
          this.runId,
        );
        for (const problem of problems) this.#log('warning', problem);
        if (problems.length > 0 || this.#record.resumeCount > 0) {
          this.#log('info', `Going on from ${checkpoint === null ? 'the start' : `step ${checkpoint.step}`}.`);
        }
        const ending = await this.#startTrainer(engine, datasetDirectory, checkpoint?.file ?? null);
        const damaged = ending.kind === 'failed' && ending.error.code === 'checkpointInvalid' && !this.#prepared;
        if (!damaged || checkpoint === null) return this.#conclude(ending);
        this.#log('warning', `The checkpoint of step ${checkpoint.step} cannot be used: ${ending.error.message}`);
        const recorded = this.#context.store.runs.listCheckpoints(this.runId);
        for (const record of recorded.filter((candidate) => candidate.step === checkpoint.step)) {
          this.#context.store.runs.removeCheckpoint(this.runId, record.file);
        }
      }
    } catch (error) {
      this.#trainer?.kill();
      await this.#trainer?.ended;
      const aborted = this.#abort.signal.aborted && !(error instanceof LabError && error.code !== 'cancelled');
      return this.#conclude(aborted ? { kind: 'killed' } : { kind: 'failed', error: toLabErrorData(error) });
    } finally {
      clearInterval(flushTimer);
      clearTimeout(this.#stopTimer);
    }
  }

  async #chooseEngine(): Promise<EngineLocation> {
    const choice = await this.#context.engines.choose(this.#record.document.execution.engine, {
      install: true,
      signal: this.#abort.signal,
      onProgress: (progress) => {
        this.#context.onInstallProgress(this.runId, progress);
      },
    });
    for (const note of choice.notes) this.#log('warning', `${note.message} ${note.hint}`);
    return choice.location;
  }

  /** Folder of the data; null where the architecture draws them. */
  async #findDataset(): Promise<string | null> {
    const { architecture, dataset: wanted } = this.#record.document;
    if (generatedDataset(architecture) !== null) return null;
    const dataset = await this.#context.datasets.get(wanted.id);
    if (wanted.checksum !== undefined && dataset.checksum !== wanted.checksum) {
      throw new LabError(
        'invalidDataset',
        `The data set “${wanted.id}” is not the one this run was made for: its checksum differs.`,
        'Import the original data again, or create a new experiment with the data that is there.',
      );
    }
    return this.#context.datasets.directory(dataset.id);
  }

  async #startTrainer(
    engine: EngineLocation,
    datasetDirectory: string | null,
    resumeFrom: string | null,
  ): Promise<TrainerEnding> {
    const { labDirectory, launcher } = this.#context;
    const directory = checkpointDirectory(labDirectory, this.runId);
    await mkdir(directory, { recursive: true });
    if (this.#abort.signal.aborted) return { kind: 'killed' };
    this.#prepared = false;
    const { document } = this.#record;
    const { file, sha256 } = document.initialWeights;
    this.#trainer = new TrainerProcess(
      launcher,
      {
        type: 'train',
        runId: this.runId,
        document,
        initialWeights: file === null || sha256 === undefined ? null : weightsFile(labDirectory, sha256),
        datasetDirectory,
        checkpointDirectory: directory,
        resumeFrom,
        engine,
      },
      (message) => {
        this.#receive(message, resumeFrom);
      },
    );
    const ending = await this.#trainer.ended;
    this.#trainer = null;
    // What a trainer that was ended at once had begun to write.
    await removeLeftoverTemporaryFiles(directory).catch(() => undefined);
    return ending;
  }

  /** What this throws ends the trainer as `failed`. */
  #receive(message: TrainerMessage, resumeFrom: string | null): void {
    const { runs, metrics } = this.#context.store;
    switch (message.type) {
      case 'prepared': {
        this.#prepared = true;
        this.#epochSteps = message.stepsPerEpoch;
        // A fresh start evaluates at step 0 again; a checkpoint's own step is already recorded.
        metrics.truncateAfter(this.runId, resumeFrom === null ? -1 : message.startStep);
        this.#atFirstStep = null;
        this.#startStep = message.startStep;
        this.#recordedHealth = { health: null, step: resumeFrom === null ? -1 : message.startStep };
        const checksum = this.#record.document.dataset.checksum ?? '';
        const environment = describeRunEnvironment(message.engine, checksum, {
          recordHostName: this.#context.store.memory.get(recordHostNameKey) !== false,
        });
        if (this.#record.state === 'preparing') this.#transition('running', { environment });
        else this.#update({ environment });
        this.#context.events.metricsAppended(this.runId);
        break;
      }
      case 'metrics':
        metrics.append(this.runId, message.series);
        metrics.append(this.runId, this.#machinePoints(message.progress));
        if (message.progress.step > this.#startStep) {
          this.#atFirstStep ??= { health: this.#context.health?.latest ?? null };
        }
        this.#progress = message.progress;
        this.#progressDirty = true;
        this.#context.events.runChanged(this.record);
        if (Object.keys(message.series).some((series) => !isTimingSeries(series))) {
          this.#context.events.metricsAppended(this.runId);
        }
        break;
      case 'checkpoint':
        // Resuming from a checkpoint relies on every point up to its step.
        this.#flush();
        runs.addCheckpoint({ runId: this.runId, step: message.step, file: message.file, bytes: message.bytes });
        this.#removeOldCheckpoints();
        break;
      case 'log':
        this.#log(message.level, message.text);
        break;
    }
  }

  /** Only when the newest is recorded: until then an older one is what resuming goes on from. */
  #removeOldCheckpoints(): void {
    const { store, labDirectory } = this.#context;
    for (const problem of removeOldCheckpoints(store, labDirectory, this.#record, this.#epochSteps)) {
      this.#log('warning', problem);
    }
  }

  /** True where it has made a step since its trainer was started. */
  get madeSteps(): boolean {
    return this.#atFirstStep !== null;
  }

  /** True where the latest reading of the machine shows the memory that this run holds: it has made steps by then. */
  get showsItsMemory(): boolean {
    return this.#atFirstStep !== null && this.#atFirstStep.health !== this.#context.health?.latest;
  }

  /** A new reading of the machine at the step that the run has reached: once each, so that steps ascend. */
  #machinePoints({ step, residentMemoryBytes }: RunProgress): Record<string, SeriesPoints> {
    const health = this.#context.health?.latest ?? null;
    const { health: recorded, step: recordedStep } = this.#recordedHealth;
    if (health === null || health === recorded || step <= recordedStep) return {};
    this.#recordedHealth = { health, step };
    return Object.fromEntries(
      Object.entries(machineValues(health, residentMemoryBytes)).map(([series, value]) => [
        series,
        { steps: Float64Array.of(step), values: Float64Array.of(value) },
      ]),
    );
  }

  #flush(): void {
    this.#context.store.metrics.flush(this.runId);
    if (!this.#progressDirty) return;
    this.#progressDirty = false;
    this.#update({ progress: this.#progress });
  }

  /** Runs a write; where it fails the run cannot go on, and says so. */
  #guard(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#ownError ??= toLabErrorData(error);
      this.#trainer?.kill();
    }
  }

  #conclude(ending: TrainerEnding): RunRecord {
    this.#guard(() => {
      this.#flush();
    });
    const [state, patch] = this.#outcome(ending);
    const complete =
      state === 'queued'
        ? { error: null, summary: null, finishedAt: null, resumeCount: this.#record.resumeCount + 1 }
        : { ...patch, finishedAt: now() };
    if (state === 'queued') this.#log('info', 'NormLab was closed; the run goes on when it is started again.');
    if (patch.error?.cause !== undefined) this.#log('error', patch.error.cause);
    try {
      this.#transition(state, complete);
    } catch (error) {
      // The store keeps the run as active; the next opening of the lab finds it so and marks it lost.
      this.#record = { ...this.#record, ...complete, state: 'failed', error: this.#ownError ?? toLabErrorData(error) };
      this.#context.events.runChanged(this.record);
    }
    return this.record;
  }

  #outcome(ending: TrainerEnding): [RunState, RunPatch] {
    if (this.#ownError !== null) return ['failed', { error: this.#ownError }];
    switch (ending.kind) {
      case 'failed':
        return ['failed', { error: ending.error }];
      case 'lost':
        return ['lost', { error: ending.error }];
      case 'killed': {
        const checkpoint = this.#context.store.runs.listCheckpoints(this.runId)[0];
        const from = checkpoint === undefined ? 'the start' : `step ${checkpoint.step}`;
        const error: LabErrorData = {
          code: 'cancelled',
          message: 'The run was ended at once, without a checkpoint.',
          hint: `Resume it to go on from ${from}.`,
        };
        return [this.#restState, { error }];
      }
      case 'result': {
        if (ending.result.type !== 'finished') {
          const error = new LabError('engineFailed', 'The trainer did another task.', 'Install NormLab again.');
          return ['failed', { error: toLabErrorData(error) }];
        }
        const { outcome, summary } = ending.result;
        if (outcome !== 'diverged') return [outcome === 'stopped' ? this.#restState : outcome, { summary }];
        const after = summary.lastFiniteStep === null ? 'at its first step' : `after step ${summary.lastFiniteStep}`;
        const error: LabErrorData = {
          code: 'diverged',
          message: `The run diverged: its loss stopped being finite ${after}.`,
          hint: 'Lower optimizer.learningRate, or choose a method that stands this learning rate.',
        };
        return ['diverged', { summary, error }];
      }
    }
  }

  #transition(state: RunState, patch: RunPatch = {}): void {
    this.#record = this.#context.store.runs.transition(this.runId, state, patch);
    this.#context.events.runChanged(this.record);
  }

  #update(patch: RunPatch): void {
    this.#context.store.runs.update(this.runId, patch);
    this.#record = { ...this.#record, ...patch };
    this.#context.events.runChanged(this.record);
  }

  #log(level: LogRecord['level'], text: string): void {
    const record = { at: now(), level, text };
    // A line of the log is never worth a run.
    try {
      this.#context.store.runs.addLog(this.runId, record);
    } catch {
      return;
    }
    this.#context.events.logged(this.runId, record);
  }
}
