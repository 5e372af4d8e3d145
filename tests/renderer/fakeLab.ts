import type {
  EventName,
  ExperimentListItem,
  JobRecord,
  LabClient,
  LabEvents,
  MachineDescription,
  MachineStatus,
  MethodInput,
  MethodName,
  MethodOutput,
  RunListItem,
  SeriesSlice,
} from '#shared/contract.ts';
import { contract } from '#shared/contract.ts';
import { emptyQueue } from '#shared/domain/queue.ts';
import { expandExperiment, parseExperimentDocument, type ExperimentDocument } from '#shared/domain/experiment.ts';
import { gammaSquaredSeries, metricSeries } from '#shared/domain/metric.ts';
import { durationInSteps, stepsPerEpoch } from '#shared/domain/trainingLength.ts';
import { learningRateAt } from '#shared/domain/learningRate.ts';
import type { RunDocument } from '#shared/domain/run.ts';
import { LabError, type LabErrorData } from '#shared/errors.ts';

const layers = ['conv1', 'conv2', 'conv3', 'conv4', 'fc1'];

interface FakeRun {
  item: RunListItem;
  document: RunDocument;
  totalSteps: number;
  stepsPerEpoch: number;
  evaluateEvery: number;
  /** Step after which its loss stops being finite; null for a run that does not diverge. */
  divergesAt: number | null;
}

interface FakeExperiment {
  id: string;
  name: string;
  createdAt: string;
  archivedAt: string | null;
  deleted: boolean;
  document: ExperimentDocument;
  runs: FakeRun[];
}

/** Noise that depends on its arguments only, in (−1, 1). */
function noise(a: number, b: number, c: number): number {
  const x = Math.sin(a * 12.9898 + b * 78.233 + c * 37.719) * 43_758.5453;
  return 2 * (x - Math.floor(x)) - 1;
}

interface FakeExperimentOptions {
  ageMs?: number;
  divergesAt?: (run: RunDocument) => number | null;
}

export interface FakeLabOptions {
  /** ISO time of the first experiment. */
  now?: number;
  images?: number;
}

/**
 * A lab made of formulas: the same calls, the same curves. Time passes only by `advance`, so that
 * tests and screenshots are the same every time.
 */
export class FakeLab implements LabClient {
  readonly experiments: FakeExperiment[] = [];
  readonly #listeners = new Map<EventName, Set<(payload: never) => void>>();
  readonly #connectionListeners = new Set<(connected: boolean) => void>();
  readonly #memory = new Map<string, unknown>();
  readonly calls: { name: MethodName; input: unknown }[] = [];
  connected = true;
  hasExampleData = false;
  jobs: JobRecord[] = [];
  /** Runs with points that cannot be read. */
  readonly damagedRuns = new Set<string>();
  /** Of the machine's health. */
  warnings: LabErrorData[] = [];
  #nextId = 0;
  #now: number;
  readonly #images: number;

  constructor(options: FakeLabOptions = {}) {
    this.#now = options.now ?? Date.now();
    this.#images = options.images ?? 4000;
  }

  async invoke<Name extends MethodName>(name: Name, input: MethodInput<Name>): Promise<MethodOutput<Name>> {
    this.calls.push({ name, input });
    await Promise.resolve();
    if (!this.connected) {
      throw new LabError('labUnreachable', 'The lab cannot be reached.', 'Check that NormLab still runs.');
    }
    const parsed: unknown = contract[name].input.parse(input);
    const handler = this.#handlers[name] as ((input: unknown) => unknown) | undefined;
    if (!handler) throw new LabError('internal', `The fake lab has no ${name}.`, 'Teach it.');
    return structuredClone(handler(parsed)) as MethodOutput<Name>;
  }

  subscribe<Name extends EventName>(name: Name, listener: (payload: LabEvents[Name]) => void): () => void {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set);
    set.add(listener);
    return () => set.delete(listener);
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    this.#connectionListeners.add(listener);
    listener(this.connected);
    return () => this.#connectionListeners.delete(listener);
  }

  emit<Name extends EventName>(name: Name, payload: LabEvents[Name]): void {
    if (!this.connected) return;
    for (const listener of this.#listeners.get(name) ?? []) (listener as (payload: LabEvents[Name]) => void)(payload);
  }

  setConnected(connected: boolean): void {
    this.connected = connected;
    for (const listener of this.#connectionListeners) listener(connected);
  }

  /** Adds an experiment whose runs wait. */
  add(input: unknown, options: FakeExperimentOptions = {}): FakeExperiment {
    const experiment = this.#make(input, options);
    this.experiments.push(experiment);
    return experiment;
  }

  #make(input: unknown, options: FakeExperimentOptions = {}): FakeExperiment {
    const document = parseExperimentDocument(input);
    const createdAt = new Date(this.#now - (options.ageMs ?? 0)).toISOString();
    const id = `experiment-${++this.#nextId}`;
    const runs = expandExperiment(document).map(({ label, document: run }, ordinal): FakeRun => {
      const epochSteps = stepsPerEpoch(run.dataset.trainingImages ?? this.#images, run.batchSize);
      return {
        document: run,
        totalSteps: durationInSteps(run.length, epochSteps),
        stepsPerEpoch: epochSteps,
        evaluateEvery: durationInSteps(run.evaluation.every, epochSteps),
        divergesAt: options.divergesAt?.(run) ?? null,
        item: {
          id: `${id}-run-${ordinal}`,
          experimentId: id,
          ordinal,
          label,
          methodId: run.method.id,
          batchSize: run.batchSize,
          seed: run.seed,
          state: 'queued',
          error: null,
          progress: null,
          summary: null,
          metricsRevision: 0,
          createdAt,
          startedAt: null,
          finishedAt: null,
        },
      };
    });
    return { id, name: document.name, createdAt, archivedAt: null, deleted: false, document, runs };
  }

  /** Sets a run to a step, without telling. */
  moveTo(run: FakeRun, step: number): void {
    const { item, totalSteps } = run;
    const reached = Math.min(step, totalSteps);
    const evaluated = Math.floor(reached / run.evaluateEvery) * run.evaluateEvery;
    const loss = (series: string, at: number): number | null => finiteOrNull(valueAt(run, series, at));
    const samplesPerSecond = item.methodId === 'none' ? 1650 : 1390;
    item.startedAt ??= new Date(this.#now).toISOString();
    item.progress = {
      step: reached,
      totalSteps,
      epoch: reached / run.stepsPerEpoch,
      trainLoss: loss(metricSeries.trainLoss, reached),
      validationLoss: evaluated > 0 ? loss(metricSeries.validationLoss, evaluated) : null,
      validationAccuracy: evaluated > 0 ? loss(metricSeries.validationAccuracy, evaluated) : null,
      samplesPerSecond,
      secondsLeft: ((totalSteps - reached) * run.document.batchSize) / samplesPerSecond,
      residentMemoryBytes: 734e6,
      tensorCount: 96,
    };
    const diverged = run.divergesAt !== null && reached >= run.divergesAt;
    item.state = diverged ? 'diverged' : reached >= totalSteps ? 'done' : 'running';
    if (item.state === 'running') return;
    item.finishedAt = new Date(this.#now).toISOString();
    if (diverged) {
      item.error = {
        code: 'diverged',
        message: `The training loss stopped being finite at step ${run.divergesAt}.`,
        hint: 'Lower the learning rate, or normalize more layers.',
      };
    }
    const losses = evaluations(run, reached).map((at) => valueAt(run, metricSeries.validationLoss, at));
    const accuracies = evaluations(run, reached).map((at) => valueAt(run, metricSeries.validationAccuracy, at));
    item.summary = {
      steps: reached,
      epochs: reached / run.stepsPerEpoch,
      trainLoss: loss('trainMean/loss', reached),
      trainAccuracy: 0.8,
      validationLoss: finiteOrNull(losses.at(-1) ?? Number.NaN),
      validationAccuracy: finiteOrNull(accuracies.at(-1) ?? Number.NaN),
      bestValidationLoss: losses.length > 0 ? Math.min(...losses) : null,
      bestValidationAccuracy: accuracies.length > 0 ? Math.max(...accuracies) : null,
      samplesPerSecond,
      durationSeconds: (reached * run.document.batchSize) / samplesPerSecond,
      peakMemoryBytes: 801e6,
      lastFiniteStep: diverged ? (run.divergesAt ?? 0) - 1 : null,
    };
  }

  /** Lets the first run that is not done go on by some steps, and tells. */
  advance(steps: number): void {
    const all = this.experiments.filter((each) => !each.deleted).flatMap((each) => each.runs);
    const run =
      all.find((each) => each.item.state === 'running') ?? all.find((each) => each.item.state === 'queued') ?? null;
    if (!run) return;
    this.moveTo(run, (run.item.progress?.step ?? 0) + steps);
    this.emit('runsChanged', { runs: [structuredClone(run.item)] });
    this.emit('metricsAppended', { runIds: [run.item.id] });
    this.emit('queueChanged', this.#queue());
  }

  /** Has every run of an experiment reach its end. */
  finish(experiment: FakeExperiment): void {
    for (const run of experiment.runs) this.moveTo(run, run.totalSteps);
  }

  #all(): FakeRun[] {
    return this.experiments.flatMap((each) => each.runs);
  }

  #run(id: string): FakeRun {
    const run = this.#all().find((each) => each.item.id === id);
    if (!run) throw new LabError('notFound', 'There is no such run.', 'It may have been deleted.');
    return run;
  }

  #experiment(id: string): FakeExperiment {
    const experiment = this.experiments.find((each) => each.id === id);
    if (!experiment) throw new LabError('notFound', 'There is no such experiment.', 'It may have been deleted.');
    return experiment;
  }

  #list(experiment: FakeExperiment): ExperimentListItem {
    const { id, name, createdAt, archivedAt, runs, document } = experiment;
    return {
      id,
      name,
      createdAt,
      archivedAt,
      methodIds: [...new Set(runs.map((run) => run.item.methodId))],
      seeds: document.seeds,
      datasetId: runs[0]?.document.dataset.id ?? '',
      runs: runs.map((run) => run.item),
    };
  }

  #queue(): LabEvents['queueChanged'] {
    const ids = (state: string): string[] =>
      this.#all()
        .filter((run) => run.item.state === state)
        .map((run) => run.item.id);
    const left = this.#all().find((run) => run.item.state === 'running')?.item.progress?.secondsLeft ?? null;
    return { ...emptyQueue, running: ids('running'), queued: ids('queued'), secondsLeft: left };
  }

  #status(): MachineStatus {
    return {
      health: {
        at: new Date(this.#now).toISOString(),
        processorLoad: 0.93,
        processorTemperatureCelsius: 71,
        memoryBytes: 33.4e9,
        memoryFreeBytes: 21.2e9,
        diskBytes: 512e9,
        diskFreeBytes: this.warnings.length > 0 ? 1.2e9 : 214e9,
        gpus: [{ name: 'RTX 4090', load: 0.87, memoryUsedBytes: 9.8e9, memoryBytes: 24e9, temperatureCelsius: 64 }],
      },
      warnings: this.warnings,
    };
  }

  #handlers: { [Name in MethodName]?: (input: never) => unknown } = {
    'machine.describe': (): MachineDescription => ({
      appVersion: '0.1.0',
      labDirectory: '/home/ada/.local/share/normlab',
      door: 'web',
      hasDialogs: false,
      readOnly: null,
      processor: 'AMD Ryzen 7 7840U',
      cores: 8,
      memoryBytes: 33.4e9,
      freeMemoryBytes: 21.2e9,
      diskFreeBytes: 214e9,
      notices: [],
    }),
    'lab.describe': () => ({
      directory: '/home/ada/.local/share/normlab',
      lastBackup: {
        file: '/media/ada/backups/normlab.tar',
        bytes: 3.1e9,
        runs: 46,
        madeAt: new Date(this.#now - 3 * 86_400_000).toISOString(),
        damaged: [],
      },
      suggestedBackupFile: '/home/ada/normlab-backup-2026-03-01.tar',
      suggestedRunsFile: '/home/ada/normlab-runs-2026-03-01.tar',
      suggestedRestoreDirectory: '/home/ada/normlab-restored',
      lastRepair: null,
      damaged: [],
    }),
    'lab.size': () => ({ bytes: 3.4e9 }),
    'machine.health': () => this.#status(),
    'engines.list': () => [
      {
        id: 'tensorflow-gpu',
        title: 'TensorFlow on an NVIDIA card',
        state: 'unavailable',
        reason: 'No NVIDIA driver was found on this machine.',
        chosen: false,
        bytes: null,
        description: null,
      },
      {
        id: 'tensorflow-cpu',
        title: 'TensorFlow on the processor',
        state: 'ready',
        reason: 'The fastest engine that runs here.',
        chosen: true,
        bytes: null,
        description: {
          kind: 'tensorflow',
          title: 'TensorFlow 2.21.0 (CPU, 8 threads)',
          version: '2.21.0',
          device: 'CPU',
          deviceMemoryBytes: null,
          threads: 8,
          versions: { tensorflow: '2.21.0', node: '24.21.0' },
          capabilities: { compiledSteps: true, fusedOperations: true, precisions: ['float32'] },
        },
      },
      {
        id: 'javascript',
        title: 'JavaScript',
        state: 'ready',
        reason: 'Works everywhere; about 40 times slower than TensorFlow.',
        chosen: false,
        bytes: null,
        description: null,
      },
    ],
    'engines.lastCheck': () => null,
    'parity.lastReport': () => null,
    'jobs.list': () => this.jobs,
    'queue.get': () => this.#queue(),
    'queue.list': () => {
      const { running, queued } = this.#queue();
      return [...running, ...queued].map((runId, index) => {
        const experiment = this.experiments.find((each) => each.runs.some((run) => run.item.id === runId));
        const { progress } = this.#run(runId).item;
        return {
          runId,
          experimentId: experiment?.id ?? '',
          experimentName: experiment?.name ?? '',
          priority: 'normal',
          secondsLeft: progress?.secondsLeft ?? 240,
          startsInSeconds: progress === null ? index * 240 : null,
        };
      });
    },
    'datasets.list': () => [],
    'datasets.ensureExample': () => {
      const job: JobRecord = {
        id: 'job-1',
        kind: 'exampleDataset',
        title: 'Example data',
        state: 'running',
        phase: 'drawing images',
        done: 2000,
        total: 12_000,
        unit: 'images',
        secondsLeft: 4,
        result: null,
        error: null,
      };
      this.jobs = [job];
      setTimeout(() => {
        this.hasExampleData = true;
        this.jobs = [{ ...job, state: 'done', done: 12_000, result: 'example' }];
        this.emit('jobsChanged', { jobs: this.jobs });
      }, 600);
      return job;
    },
    'experiments.list': ({ archived }: { archived: boolean }) =>
      this.experiments
        .filter((each) => !each.deleted && (each.archivedAt !== null) === archived)
        .toSorted((a, b) => b.createdAt.localeCompare(a.createdAt))
        .map((each) => this.#list(each)),
    'experiments.get': ({ id }: { id: string }) => {
      const experiment = this.#experiment(id);
      return { ...this.#list(experiment), document: experiment.document };
    },
    'experiments.create': ({ document }: { document: unknown }) => {
      const experiment = this.add(document);
      this.emit('experimentsChanged', { ids: [experiment.id] });
      return { ...this.#list(experiment), document: experiment.document };
    },
    'experiments.addSeeds': ({ id, seeds }: { id: string; seeds: number[] }) => {
      const experiment = this.#experiment(id);
      const missing = seeds.filter((seed) => !experiment.document.seeds.includes(seed));
      const first = experiment.runs.length;
      // Of an experiment of its own, which is none: its runs only.
      const { runs } = missing.length === 0 ? { runs: [] } : this.#make({ ...experiment.document, seeds: missing });
      const added = runs.map((run, index) => {
        const item = { ...run.item, id: `${id}-run-${first + index}`, experimentId: id, ordinal: first + index };
        return { ...run, item };
      });
      experiment.runs.push(...added);
      experiment.document = { ...experiment.document, seeds: [...experiment.document.seeds, ...missing] };
      this.emit('experimentsChanged', { ids: [id] });
      const detail = { ...this.#list(experiment), document: experiment.document };
      return { experiment: detail, runIds: added.map((run) => run.item.id), added: added.length };
    },
    'experiments.rename': ({ id, name }: { id: string; name: string }) => {
      const experiment = this.#experiment(id);
      experiment.name = name;
      this.emit('experimentsChanged', { ids: [id] });
      return this.#list(experiment);
    },
    'experiments.archive': ({ ids, archived }: { ids: string[]; archived: boolean }) => {
      for (const id of ids) this.#experiment(id).archivedAt = archived ? new Date(this.#now).toISOString() : null;
      this.emit('experimentsChanged', { ids });
      return null;
    },
    'experiments.delete': ({ ids }: { ids: string[] }) => {
      for (const id of ids) this.#experiment(id).deleted = true;
      this.emit('experimentsChanged', { ids });
      return null;
    },
    'experiments.restore': ({ ids }: { ids: string[] }) => {
      for (const id of ids) this.#experiment(id).deleted = false;
      this.emit('experimentsChanged', { ids });
      return null;
    },
    'runs.get': ({ id }: { id: string }) => {
      const run = this.#run(id);
      return {
        ...run.item,
        document: run.document,
        documentHash: '3f9a1c07b2d84e6f5a1093c2d7e8b4a63f9a1c07b2d84e6f5a1093c2d7e8b4a6',
        environment: run.item.startedAt
          ? { appVersion: '0.1.0', appCommit: 'a1b2c3d', platform: 'linux x64', processor: 'AMD Ryzen 7 7840U' }
          : null,
        checkpoints: run.item.progress
          ? [
              { step: 124, bytes: 4.2e6, createdAt: run.item.createdAt, validationLoss: 1.31, reasons: ['last'] },
              {
                step: 62,
                bytes: 4.2e6,
                createdAt: run.item.createdAt,
                validationLoss: 1.22,
                reasons: ['last', 'best'],
              },
            ]
          : [],
        log: [{ at: run.item.createdAt, level: 'info', text: 'Prepared: 5 normalized layers, 543 882 parameters' }],
      };
    },
    'runs.read': ({ id }: { id: string }) => {
      const { item } = this.#run(id);
      const at = (seconds: number): string => new Date(Date.parse(item.createdAt) + seconds * 1000).toISOString();
      return {
        ...item,
        log: [
          { at: at(1), level: 'info', text: 'Prepared: 5 normalized layers, 543 882 parameters' },
          { at: at(2), level: 'warning', text: 'The checkpoint of step 124 is missing.' },
          { at: at(2), level: 'info', text: 'Going on from step 93.' },
          ...(item.error ? [{ at: at(40), level: 'error', text: item.error.message }] : []),
        ],
      };
    },
    'runs.stop': ({ ids }: { ids: string[] }) =>
      ids.map((id) => {
        const { item } = this.#run(id);
        if (['running', 'queued', 'paused'].includes(item.state)) item.state = 'stopped';
        this.emit('runsChanged', { runs: [item] });
        return item;
      }),
    'runs.pause': ({ ids }: { ids: string[] }) =>
      ids.map((id) => {
        const { item } = this.#run(id);
        if (item.state === 'running' || item.state === 'queued') item.state = 'paused';
        this.emit('runsChanged', { runs: [item] });
        return item;
      }),
    'runs.resume': ({ ids }: { ids: string[] }) =>
      ids.map((id) => {
        const { item } = this.#run(id);
        if (item.state !== 'done' && item.state !== 'diverged') item.state = 'queued';
        this.emit('runsChanged', { runs: [item] });
        return item;
      }),
    'metrics.list': ({ runIds }: { runIds: string[] }) =>
      runIds.map((runId) => ({ runId, series: seriesOf(this.#run(runId)) })),
    'metrics.read': ({ requests, maximumBuckets }: { requests: SeriesRequest[]; maximumBuckets: number }) =>
      requests.map((request) => ({
        ...readSlice(this.#run(request.runId), request, maximumBuckets),
        ...(this.damagedRuns.has(request.runId)
          ? {
              error: {
                code: 'labDamaged' as const,
                message: `Series ${request.series} of run ${request.runId} is damaged: its points at steps 60 to 90 cannot be read.`,
                hint: 'Put a backup in place of the lab, or train the run again.',
              },
            }
          : {}),
      })),
    'memory.get': ({ key }: { key: string }) => this.#memory.get(key) ?? null,
    'memory.set': ({ key, value }: { key: string; value: unknown }) => {
      this.#memory.set(key, value);
      return null;
    },
  };
}

interface SeriesRequest {
  runId: string;
  series: string;
  afterStep: number;
  metricsRevision: number;
  pointsPerBucket: number;
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function evaluations(run: FakeRun, through: number): number[] {
  return Array.from({ length: Math.floor(through / run.evaluateEvery) }, (_, index) => (index + 1) * run.evaluateEvery);
}

function seriesOf(run: FakeRun): string[] {
  const step = run.item.progress?.step ?? 0;
  if (step === 0) return [];
  const perStep = [metricSeries.trainLoss, metricSeries.trainAccuracy, metricSeries.learningRate];
  if (step < run.evaluateEvery) return perStep;
  return [
    ...perStep,
    metricSeries.validationLoss,
    metricSeries.validationAccuracy,
    metricSeries.trainMeanLoss,
    metricSeries.gapLoss,
    metricSeries.elapsedSeconds,
    metricSeries.samplesPerSecond,
    'machine/processorLoad',
    'machine/memoryUsedBytes',
    'machine/gpu0/temperatureCelsius',
    ...(run.item.methodId === 'none' ? [] : layers.map(gammaSquaredSeries)),
  ];
}

function stepsOf(run: FakeRun, series: string): number[] {
  const step = run.item.progress?.step ?? 0;
  const perStep = series.startsWith('train/') || series === metricSeries.learningRate;
  return perStep ? Array.from({ length: step }, (_, index) => index + 1) : evaluations(run, step);
}

/** The value of a series at a step: smooth decay, a constant by seed, and noise. */
export function valueAt(run: FakeRun, series: string, step: number): number {
  const diverged = run.divergesAt !== null && step >= run.divergesAt;
  if (diverged && !series.startsWith('time/') && series !== metricSeries.learningRate) return Number.NaN;
  const { seed } = run.item;
  const normalized = run.item.methodId !== 'none';
  const t = step / run.stepsPerEpoch;
  const speed = (normalized ? 1.15 : 0.42) * (64 / run.document.batchSize) ** 0.25;
  const floor = normalized ? 0.42 : 0.71;
  const trend = floor + (2.3 - floor) * Math.exp(-speed * t) + 0.03 * noise(seed, 1, 0);
  const gap = ((normalized ? 0.035 : 0.055) * t) / (1 + t / 10);
  switch (series) {
    case metricSeries.trainLoss:
      return Math.max(0.02, trend - gap + 0.14 * noise(step, seed, normalized ? 3 : 4));
    case metricSeries.trainMeanLoss:
      return trend - gap;
    case metricSeries.validationLoss:
      return trend + gap * 0.6 + 0.025 * noise(step, seed, 5);
    case metricSeries.validationAccuracy:
    case metricSeries.trainAccuracy:
      return Math.min(0.99, 1 - 0.39 * (trend + gap * 0.4) + 0.008 * noise(step, seed, 6));
    case metricSeries.gapLoss:
      return gap * 1.6 + 0.02 * noise(step, seed, 7);
    case metricSeries.learningRate:
      return learningRateAt(run.document, step - 1, run);
    case metricSeries.elapsedSeconds:
      return (step * run.document.batchSize) / (normalized ? 1390 : 1650);
    case metricSeries.samplesPerSecond:
      return (normalized ? 1390 : 1650) * (1 + 0.03 * noise(step, seed, 8));
    case 'machine/processorLoad':
      return 0.9 + 0.05 * noise(step, seed, 20);
    case 'machine/memoryUsedBytes':
      return 12.2e9 + 2e8 * noise(step, seed, 21);
    case 'machine/gpu0/temperatureCelsius':
      return 64 + 3 * noise(step, seed, 22);
    default: {
      const layer = layers.findIndex((name) => series.endsWith(name));
      return layer < 0
        ? Number.NaN
        : 0.3 + 0.7 * Math.exp(-(0.02 + 0.02 * layer) * t) + 0.004 * noise(step, seed, 9 + layer);
    }
  }
}

function readSlice(run: FakeRun, request: SeriesRequest, maximumBuckets: number): SeriesSlice {
  const all = seriesOf(run).includes(request.series) ? stepsOf(run, request.series) : [];
  let pointsPerBucket = 1;
  while (all.length / pointsPerBucket > maximumBuckets) pointsPerBucket *= 2;
  const { metricsRevision } = run.item;
  const replace = request.metricsRevision !== metricsRevision || request.pointsPerBucket !== pointsPerBucket;
  const afterStep = replace ? -1 : request.afterStep;
  const slice: SeriesSlice = {
    runId: request.runId,
    series: request.series,
    metricsRevision,
    replace,
    pointsPerBucket,
    completeThrough: afterStep,
    steps: [],
    values: [],
    ...(pointsPerBucket > 1 ? { minimum: [], maximum: [] } : {}),
  };
  for (let start = 0; start < all.length; start += pointsPerBucket) {
    const steps = all.slice(start, start + pointsPerBucket);
    const last = steps.at(-1) ?? 0;
    if (last <= afterStep) continue;
    const values = steps.map((step) => valueAt(run, request.series, step)).filter(Number.isFinite);
    slice.steps.push(last);
    slice.values.push(finiteOrNull(values.reduce((sum, value) => sum + value, 0) / values.length));
    slice.minimum?.push(finiteOrNull(Math.min(...values)));
    slice.maximum?.push(finiteOrNull(Math.max(...values)));
    if (steps.length === pointsPerBucket) slice.completeThrough = last;
  }
  return slice;
}
