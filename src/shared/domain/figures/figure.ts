import { LabError } from '../../errors.ts';
import type { Claim } from '../claim.ts';
import type { ExperimentDocumentInput, ExperimentGroup } from '../experiment.ts';
import { methodSchema } from '../methods/index.ts';
import type { Scale } from '../presets.ts';
import { durationInSteps, stepsPerEpoch } from '../trainingLength.ts';
import { durationSchema } from '../duration.ts';
import type { RunDocumentInput } from '../run.ts';
import { applySetting } from '../setting.ts';

/**
 * How runs with different batch sizes are made comparable: by as many passes over the data (a larger batch
 * then takes fewer steps), or by as many steps (a larger batch then sees the data more often).
 */
export const readings = ['equal-epoch', 'equal-step'] as const;
export type Reading = (typeof readings)[number];

/** A quantity of a figure, drawn as one panel. */
export interface FigurePanel {
  /** Id in charts/comparedMetrics.ts. */
  metric: string;
  /** Series of that quantity, where it is another than the comparison's own. */
  series?: string;
}

export interface FigureScale {
  /** What this scale is for, and what it takes. */
  help: string;
  /** Length and intervals in steps are those at the figure's reference batch size. */
  base: Omit<RunDocumentInput, 'dataset'> & { dataset: Omit<RunDocumentInput['dataset'], 'id'> };
  seeds: readonly number[];
}

/** A figure of the paper as an experiment with claims. */
export interface FigureDescription {
  id: string;
  title: string;
  /** What is compared, in one sentence. */
  help: string;
  datasetId: string;
  /** How to come by the data set, for whom it is absent. */
  datasetHint: string;
  scales: { readonly [Name in Scale]: FigureScale };
  defaultScale: Scale;
  groups: readonly ExperimentGroup[];
  /** The batch size whose steps and epochs the scales speak of. */
  referenceBatchSize: number;
  panels: readonly FigurePanel[];
  claims: readonly Claim[];
}

export interface FigureOptions {
  scale: Scale;
  reading: Reading;
  dataset: { id: string; trainingImages: number };
  /** Absent: those of the scale. */
  seeds?: readonly number[];
  /** Fields of the base, in this order; `method.…` goes to the groups whose method has the field. */
  settings?: readonly { key: string; value: unknown }[];
}

const readingTitles: { readonly [Name in Reading]: string } = {
  'equal-epoch': 'equal epochs',
  'equal-step': 'equal steps',
};

/**
 * The experiment of a figure at a scale, by one reading.
 * @throws LabError `invalidDocument` where a setting is what the figure compares, or no run would use it.
 */
export function figureExperiment(figure: FigureDescription, options: FigureOptions): ExperimentDocumentInput {
  const { scale, reading, dataset } = options;
  const described = figure.scales[scale];
  let base: Record<string, unknown> = { ...described.base, dataset: { id: dataset.id, ...described.base.dataset } };
  let groups = figure.groups;
  for (const { key, value } of options.settings ?? []) {
    refuseCompared(figure, key);
    if (key.startsWith('method.')) groups = setInGroups(groups, key, value);
    else base = applySetting(base, key, value);
  }
  base = byReading(base, reading, figure.referenceBatchSize, dataset.trainingImages);
  return {
    name: `${figure.title}, ${scale} scale, ${readingTitles[reading]}`,
    base,
    groups: groups.map(({ label, settings }) => ({ label, settings: [...settings] })),
    seeds: [...(options.seeds ?? described.seeds)],
    claims: figure.claims.map((claim) => ({ ...claim, parts: [...claim.parts] })),
  };
}

function refuseCompared(figure: FigureDescription, key: string): void {
  const compared = figure.groups.some(({ settings }) => settings.some((setting) => setting.key === key));
  const ofOption = ({ seed: '--seeds', dataset: '--dataset', 'dataset.id': '--dataset' } as const)[key];
  if (ofOption !== undefined) {
    throw new LabError('invalidDocument', `“${key}” is not set by --set.`, `Use ${ofOption}.`);
  }
  if (compared && !key.startsWith('method.')) {
    throw new LabError(
      'invalidDocument',
      `“${key}” is what ${figure.title} compares and cannot be set for all of its runs.`,
      'Leave it out, or train an experiment of your own.',
    );
  }
}

/** Gives a field of a method to every group whose method has it. */
function setInGroups(groups: readonly ExperimentGroup[], key: string, value: unknown): ExperimentGroup[] {
  const field = key.slice('method.'.length);
  if (typeof value === 'object' && value !== null) {
    throw new LabError('invalidDocument', `“${key}” is not one value.`, 'Write a number, a name, true or false.');
  }
  const scalar = value as ExperimentGroup['settings'][number]['value'];
  let uses = 0;
  const changed = groups.map(({ label, settings }) => {
    const id = settings.find((setting) => setting.key === 'method')?.value;
    const schema = methodSchema.options.find((option) => option.shape.id.value === id);
    if (schema === undefined || !Object.hasOwn(schema.shape, field)) return { label, settings };
    uses += 1;
    return { label, settings: [...settings.filter((setting) => setting.key !== key), { key, value: scalar }] };
  });
  if (uses > 0) return changed;
  throw new LabError(
    'invalidDocument',
    `None of the compared methods has the field “${field}”.`,
    'Leave it out; `train --help` lists the fields of each method.',
  );
}

/** Lengths that are as many epochs, or as many steps, at every batch size. */
function byReading(
  base: Record<string, unknown>,
  reading: Reading,
  referenceBatchSize: number,
  datasetImages: number,
): Record<string, unknown> {
  const images = (base['dataset'] as { trainingImages?: number | null }).trainingImages ?? datasetImages;
  const epochSteps = stepsPerEpoch(images, referenceBatchSize);
  const convert = (document: Record<string, unknown>, path: readonly string[]): Record<string, unknown> => {
    const [name = '', ...rest] = path;
    const member = document[name];
    if (rest.length > 0) {
      return typeof member === 'object' && member !== null
        ? { ...document, [name]: convert(member as Record<string, unknown>, rest) }
        : document;
    }
    const duration = durationSchema.safeParse(member).data;
    // What is no duration is refused, with its name, where the document is read.
    if (duration === undefined) return document;
    return {
      ...document,
      [name]:
        reading === 'equal-step'
          ? { unit: 'steps', value: durationInSteps(duration, epochSteps) }
          : { unit: 'epochs', value: duration.unit === 'epochs' ? duration.value : duration.value / epochSteps },
    };
  };
  return [['length'], ['evaluation', 'every'], ['warmUp']].reduce(convert, base);
}
