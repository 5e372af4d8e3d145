import type { RunDetail, RunListItem } from '#shared/contract.ts';
import { architectures } from '#shared/domain/architectures/index.ts';
import type { CheckpointReason } from '#shared/domain/checkpoint.ts';
import { describeFields } from '#shared/domain/fields.ts';
import { methods } from '#shared/domain/methods/index.ts';
import { scaledLearningRate } from '#shared/domain/learningRate.ts';
import type { Duration } from '#shared/domain/duration.ts';
import { runDocumentSchema, type RunDocument } from '#shared/domain/run.ts';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatPercent,
  formatRate,
  formatValue,
  formatWhen,
} from './format.ts';

export interface Fact {
  name: string;
  value: string;
  /** On hover, where `value` is shortened. */
  full?: string;
}

const known = (facts: readonly (Fact | null)[]): Fact[] => facts.filter((fact) => fact !== null);
const unlessNull = (name: string, value: number | null | undefined, write: (value: number) => string): Fact | null =>
  value === null || value === undefined ? null : { name, value: write(value) };

/** How far a run is and what it came to. */
export function resultFacts(run: RunListItem, methodName: string): Fact[] {
  const { progress, summary } = run;
  return known([
    { name: 'Method', value: methodName },
    { name: 'Batch size', value: formatCount(run.batchSize) },
    { name: 'Seed', value: String(run.seed) },
    progress && { name: 'Step', value: `${formatCount(progress.step)} of ${formatCount(progress.totalSteps)}` },
    progress && { name: 'Epoch', value: formatValue(progress.epoch, 3) },
    unlessNull('Time left', summary ? null : progress?.secondsLeft, formatDuration),
    unlessNull('Training loss', summary?.trainLoss ?? progress?.trainLoss, formatValue),
    unlessNull('Validation loss', summary?.validationLoss ?? progress?.validationLoss, formatValue),
    unlessNull('Lowest validation loss', summary?.bestValidationLoss, formatValue),
    unlessNull('Validation accuracy', summary?.validationAccuracy ?? progress?.validationAccuracy, formatPercent),
    unlessNull('Highest validation accuracy', summary?.bestValidationAccuracy, formatPercent),
    unlessNull('Images a second', summary?.samplesPerSecond ?? progress?.samplesPerSecond, formatRate),
    unlessNull('Duration', summary?.durationSeconds, formatDuration),
    unlessNull('Memory', summary?.peakMemoryBytes ?? progress?.residentMemoryBytes, formatBytes),
    unlessNull('Last finite step', summary?.lastFiniteStep, formatCount),
    run.startedAt === null ? null : { name: 'Started', value: formatWhen(run.startedAt) },
    run.finishedAt === null ? null : { name: 'Ended', value: formatWhen(run.finishedAt) },
  ]);
}

const writeDuration = ({ unit, value }: Duration): string =>
  `${Number.isInteger(value) ? formatCount(value) : String(Number(value.toPrecision(3)))} ${value === 1 ? unit.slice(0, -1) : unit}`;

/** What a choice is called. */
function titleOf(key: string, id: string): string {
  const options = describeFields().find((field) => field.key === key)?.options ?? [];
  return options.find(({ value }) => value === id)?.title ?? id;
}

/** The own fields of a part of the document; those that stay folded only where they are not the default. */
function ownFacts(
  document: RunDocument,
  part: 'architecture' | 'optimizer' | 'schedule' | 'augmentation',
  except: readonly string[] = [],
): Fact[] {
  const values: Readonly<Record<string, unknown>> = document[part];
  return describeFields().flatMap((field) => {
    const name = field.key.slice(part.length + 1);
    const isOwn = field.key.startsWith(`${part}.`) && (field.when === null || field.when.value === values['id']);
    const value = values[name];
    if (!isOwn || value === undefined || except.includes(name)) return [];
    if (field.advanced && JSON.stringify(value) === JSON.stringify(field.default)) return [];
    return [{ name: field.title, value: writeValue(value) }];
  });
}

function writeValue(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return Array.isArray(value) ? value.join(', ') || 'none' : String(value);
}

function describeDropout({ ratio, placement, layers }: RunDocument['dropout']): string {
  const place = placement === 'afterNormalizer' ? 'behind the normalizer' : 'before the normalizer';
  return `${ratio} ${place}${layers === 'all' ? '' : ` of ${layers.join(', ')}`}`;
}

function describeCheckpointRule({ keepLast, keepBest, keepEvery }: RunDocument['checkpoints']): string {
  const parts = [`last ${formatCount(keepLast)}`];
  if (keepBest) parts.push('best');
  if (keepEvery.value > 0) parts.push(`every ${writeDuration(keepEvery)}`);
  return parts.join(', ');
}

const reasonNames: Readonly<Record<CheckpointReason, { name: string; help: string }>> = {
  last: { name: 'latest', help: 'one of the latest' },
  best: { name: 'best', help: 'the lowest validation loss' },
  every: { name: 'interval', help: 'one of its interval' },
};

/** A checkpoint as a row of a table. */
export interface CheckpointRow {
  step: string;
  /** What it is kept for; `until the next` where its rule no longer holds it. */
  kept: string;
  /** The same at length, with when it was saved. */
  full: string;
  validationLoss: string;
  size: string;
}

/** A run's checkpoints, with what each is kept for. */
export function checkpointRows(checkpoints: RunDetail['checkpoints']): CheckpointRow[] {
  return checkpoints.map(({ step, bytes, createdAt, validationLoss, reasons }) => {
    const names = reasons.map((reason) => reasonNames[reason]);
    const help = names.map((each) => each.help).join(', ');
    return {
      step: formatCount(step),
      kept: names.map((each) => each.name).join(', ') || 'until the next',
      full: `${help === '' ? 'Goes with the next checkpoint' : `Kept as ${help}`}. Saved ${formatWhen(createdAt)}.`,
      validationLoss: formatValue(validationLoss),
      size: formatBytes(bytes),
    };
  });
}

/** The fields of a document by their own names, as in `method.id`. */
function plainFacts(value: unknown, name = ''): Fact[] {
  if (typeof value === 'string') return [{ name, value }];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [{ name, value: JSON.stringify(value) }];
  }
  return Object.entries(value).flatMap(([key, member]) => plainFacts(member, name === '' ? key : `${name}.${key}`));
}

/** What a run trains, in words; of a document that only another version of the program knows, as it stands. */
export function documentFacts(document: RunDocument): Fact[] {
  if (!runDocumentSchema.safeParse(document).success) return plainFacts(document);
  const { dataset, optimizer, schedule } = document;
  const images = (count: number | null): string => (count === null ? 'all' : formatCount(count));
  const rate = scaledLearningRate(document);
  return known([
    { name: 'Data set', value: dataset.id },
    { name: 'Training images', value: images(dataset.trainingImages) },
    { name: 'Validation images', value: images(dataset.validationImages) },
    { name: 'Architecture', value: architectures[document.architecture.id].name },
    ...ownFacts(document, 'architecture'),
    { name: 'Method', value: methods[document.method.id].name },
    methods[document.method.id].normalizes
      ? {
          name: 'Normalized layers',
          value: document.normalizedLayers === 'all' ? 'all' : document.normalizedLayers.join(', '),
        }
      : null,
    ...Object.entries(document.layerMethods).map(([layer, { id }]) => ({
      name: `Method of ${layer}`,
      value: methods[id].name,
    })),
    document.dropout.ratio === 0 ? null : { name: 'Dropout', value: describeDropout(document.dropout) },
    { name: 'Batch size', value: formatCount(document.batchSize) },
    {
      name: 'Learning rate',
      value:
        rate === optimizer.learningRate ? String(rate) : `${optimizer.learningRate}, scaled to ${formatValue(rate)}`,
    },
    { name: 'Optimizer', value: titleOf('optimizer', optimizer.id) },
    ...ownFacts(document, 'optimizer', ['learningRate', 'scaleWithBatchSize', 'referenceBatchSize']),
    { name: 'Schedule', value: titleOf('schedule', schedule.id) },
    ...ownFacts(document, 'schedule'),
    document.warmUp.value === 0 ? null : { name: 'Warm-up', value: writeDuration(document.warmUp) },
    ...ownFacts(document, 'augmentation'),
    { name: 'Length', value: writeDuration(document.length) },
    { name: 'Evaluation every', value: writeDuration(document.evaluation.every) },
    { name: 'Checkpoint every', value: writeDuration(document.checkpoints.every) },
    { name: 'Checkpoints kept', value: describeCheckpointRule(document.checkpoints) },
    { name: 'Precision', value: document.execution.precision },
    { name: 'Seed', value: String(document.seed) },
  ]);
}

const environmentNames: Readonly<Record<string, string>> = {
  appVersion: 'NormLab',
  appCommit: 'Commit',
  platform: 'System',
  processor: 'Processor',
  cores: 'Cores',
  hostName: 'Computer',
  datasetChecksum: 'Data checksum',
};

/** What a run trained with. */
export function environmentFacts(environment: Readonly<Record<string, unknown>>): Fact[] {
  const { engine } = environment;
  const described = typeof engine === 'object' && engine !== null ? (engine as Record<string, unknown>) : {};
  const text = (value: unknown): string | null =>
    typeof value === 'string' || typeof value === 'number' ? String(value) : null;
  const versions = described['versions'];
  const shorten = (value: string): Pick<Fact, 'value' | 'full'> =>
    /^[0-9a-f]{32,}$/.test(value) ? { value: value.slice(0, 12), full: value } : { value };
  const title = text(described['title']);
  const device = text(described['device']);
  return known([
    title === null ? null : { name: 'Engine', value: title },
    device === null ? null : { name: 'Device', value: device },
    ...Object.entries(environmentNames).map(([key, name]) => {
      const value = text(environment[key]);
      return value === null ? null : { name, ...shorten(value) };
    }),
    typeof environment['memoryBytes'] === 'number'
      ? { name: 'Memory of the machine', value: formatBytes(environment['memoryBytes']) }
      : null,
    typeof described['threads'] === 'number' ? { name: 'Threads', value: String(described['threads']) } : null,
    ...(typeof versions === 'object' && versions !== null
      ? Object.entries(versions).map(([name, value]) => ({ name, value: String(value) }))
      : []),
  ]);
}
