import { presetExperiment } from '#shared/domain/presets.ts';
import { runDocumentSchema, type RunDocument } from '#shared/domain/run.ts';

/** Quotes a word for a POSIX shell where it needs it. */
function quote(word: string): string {
  return /^[A-Za-z0-9_./:=,+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Fields whose value differs, by path. */
function differences(value: unknown, basis: unknown, path: string): [path: string, value: unknown][] {
  if (JSON.stringify(value) === JSON.stringify(basis)) return [];
  if (!isRecord(value) || !isRecord(basis)) return [[path, value]];
  // Only the data set is in the preset; other things with a name are set as a whole, their name alone where it is all.
  if ('id' in value && path !== 'dataset') return [[path, Object.keys(value).length === 1 ? value['id'] : value]];
  if ('unit' in value) return [[path, value]];
  return Object.keys(value).flatMap((key) => differences(value[key], basis[key], path === '' ? key : `${path}.${key}`));
}

/** The command that opens a lab folder: in a window, or in the browser. */
export function openLabCommand(directory: string, host: 'desktop' | 'browser'): string {
  return ['npm start --', ...(host === 'browser' ? ['--web'] : []), '--lab', quote(directory)].join(' ');
}

/** The command that trains this run again: the paper's preset, and every field that differs from it. */
export function runCommandLine(document: RunDocument): string {
  const basis = runDocumentSchema.parse(presetExperiment('paper-cnn', 'paper').base);
  const { seed, ...fields } = document;
  // Pinned when a run is made, from the data themselves.
  const { checksum: _, ...dataset } = fields.dataset;
  const { seed: __, ...basisFields } = basis;
  const settings = differences({ ...fields, dataset }, basisFields, '').map(
    ([path, value]) => `--set ${quote(`${path}=${typeof value === 'string' ? value : JSON.stringify(value)}`)}`,
  );
  return ['npm run --silent lab -- train --preset paper-cnn --scale paper', ...settings, `--seeds ${seed}`].join(' ');
}
