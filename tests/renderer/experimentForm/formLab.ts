import type {
  DatasetInspection,
  ExperimentPreview,
  JobRecord,
  MethodInput,
  MethodName,
  MethodOutput,
} from '#shared/contract.ts';
import type { DatasetDocument } from '#shared/domain/dataset.ts';
import { experimentDocumentSchema, expandExperiment } from '#shared/domain/experiment.ts';
import { runDocumentSchema } from '#shared/domain/run.ts';
import { LabError } from '#shared/errors.ts';
import { FakeLab } from '../fakeLab.ts';

const checksum = 'a'.repeat(64);

export function fakeDataset(id: string, name = id): DatasetDocument {
  const split = (count: number, file: string): DatasetDocument['training'] => ({
    count,
    classCounts: [count / 2, count / 2],
    imagesFile: `${file}.images`,
    imagesChecksum: checksum,
    labelsFile: `${file}.labels`,
    labelsChecksum: checksum,
  });
  return {
    format: 'normlab.dataset',
    version: 1,
    id,
    name,
    image: { height: 4, width: 4, channels: 1 },
    classNames: ['a', 'b'],
    training: split(400, 'training'),
    validation: split(100, 'validation'),
    normalization: { mean: [0.5], standardDeviation: [0.25] },
    checksum,
    provenance: { kind: 'cifar10-binary', sources: [], importedAt: '2026-01-02T03:04:05Z', notes: [] },
  };
}

const inspection: DatasetInspection = {
  reader: 'cifar10-binary',
  suggestedName: 'CIFAR-10',
  image: { height: 4, width: 4, channels: 1 },
  classNames: ['a', 'b'],
  training: { count: 400, classCounts: [200, 200] },
  validation: { count: 100, classCounts: [50, 50] },
  preview: { height: 4, width: 4, channels: 1, images: [] },
  notes: [],
};

/** The fake lab with data sets, imports and previews; answers to previews and looks can be held back. */
export class FormLab extends FakeLab {
  datasets: DatasetDocument[] = [fakeDataset('cifar-10', 'CIFAR-10')];
  readonly memory = new Map<string, unknown>();
  /** While true, previews and inspections wait for `release`. */
  hold = false;
  readonly #held: (() => void)[] = [];

  override async invoke<Name extends MethodName>(name: Name, input: MethodInput<Name>): Promise<MethodOutput<Name>> {
    const own = this.#answers[name] as ((input: unknown) => unknown) | undefined;
    if (!own || !this.connected) return super.invoke(name, input);
    this.calls.push({ name, input });
    if (this.hold && (name === 'experiments.preview' || name === 'datasets.inspect')) {
      await new Promise<void>((resolve) => this.#held.push(resolve));
    }
    return structuredClone(own(input)) as MethodOutput<Name>;
  }

  /** Lets the answer through that has waited for longest, or the one at a place. */
  release(at = 0): void {
    this.#held.splice(at, 1)[0]?.();
  }

  setJob(job: Partial<JobRecord>): void {
    this.jobs = this.jobs.map((each) => ({ ...each, ...job }));
    this.emit('jobsChanged', { jobs: this.jobs });
  }

  #answers: { [Name in MethodName]?: (input: never) => unknown } = {
    'datasets.list': () => this.datasets,
    'datasets.inspect': ({ path }: { path: string }) => {
      if (path.includes('missing'))
        throw new LabError('notFound', `There is no file or folder “${path}”.`, 'Check the path.');
      return { ...inspection, suggestedName: path.includes('second') ? 'Second' : 'CIFAR-10' };
    },
    'datasets.import': ({ name }: { name: string }): JobRecord => {
      const job: JobRecord = {
        id: `import-${this.jobs.length + 1}`,
        kind: 'importDataset',
        title: `Import ${name}`,
        state: 'running',
        phase: 'reading',
        done: 0,
        total: 500,
        unit: 'images',
        secondsLeft: null,
        result: null,
        error: null,
      };
      this.jobs = [job];
      return job;
    },
    'jobs.cancel': () => {
      this.setJob({ state: 'cancelled', phase: 'Cancelled' });
      return this.jobs[0];
    },
    'memory.get': ({ key }: { key: string }) => this.memory.get(key) ?? null,
    'memory.set': ({ key, value }: { key: string; value: unknown }) => {
      this.memory.set(key, structuredClone(value));
      return null;
    },
    'experiments.preview': ({ document }: { document: unknown }): ExperimentPreview => preview(document),
  };
}

function preview(document: unknown): ExperimentPreview {
  const empty: ExperimentPreview = {
    problems: [],
    warnings: [],
    runs: [],
    parameterCount: null,
    estimatedSeconds: null,
    estimatedMemoryBytes: null,
    layers: [],
    schedule: [],
  };
  const parsed = experimentDocumentSchema.safeParse(document);
  if (!parsed.success) return { ...empty, problems: [{ path: 'vary', message: 'Not valid.' }] };
  const base = runDocumentSchema.safeParse(parsed.data.base);
  if (!base.success) {
    return {
      ...empty,
      problems: base.error.issues.map(({ path, message }) => ({ path: ['base', ...path].join('.'), message })),
    };
  }
  const runs = expandExperiment(parsed.data);
  return { ...empty, runs: runs.map((run) => ({ label: run.label, seed: run.document.seed, totalSteps: 10 })) };
}
