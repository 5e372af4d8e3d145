import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseSafetensors } from '#files/safetensors.ts';
import type { InitialWeights } from '#shared/domain/initialWeights.ts';
import { LabError } from '#shared/errors.ts';
import type { Network } from './network.ts';
import type { StateValues } from './state.ts';
import { statePrefixes } from './steps/inputs.ts';

/** As many names as a message lists. */
const namesListed = 6;

/**
 * Reads the weights that a run begins with.
 * @param file The lab's copy of the file that the document names.
 * @returns `parameters/…` and `statistics/…`, all that the network has.
 * @throws LabError `invalidDocument` naming what is missing, unexpected or of another shape.
 */
export async function readInitialWeights(
  file: string,
  wanted: InitialWeights,
  network: Pick<Network, 'variables'>,
): Promise<StateValues> {
  const name = wanted.file ?? '';
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw unusable(name, 'the lab’s copy cannot be read', error);
  }
  if (wanted.sha256 !== undefined && createHash('sha256').update(bytes).digest('hex') !== wanted.sha256) {
    throw unusable(name, 'its checksum does not match its content');
  }
  return matchWeights(name, parseSafetensors(bytes).tensors, network);
}

/**
 * The tensors of a file as the network names them. They are called `<layer>/<variable>`, as `runs export`
 * writes them, or as in a checkpoint, whose optimizer memory is left out.
 * @throws LabError `invalidDocument`.
 */
export function matchWeights(
  file: string,
  tensors: StateValues,
  { variables }: Pick<Network, 'variables'>,
): StateValues {
  const { parameters, slots, statistics } = statePrefixes;
  const given: StateValues = {};
  for (const [name, data] of Object.entries(tensors)) {
    if (name.startsWith(slots)) continue;
    const prefix = [parameters, statistics].find((candidate) => name.startsWith(candidate)) ?? '';
    given[name.slice(prefix.length)] = data;
  }
  const needed = [
    ...Object.entries(variables.parameters).map(([name, { shape }]) => ({ name, shape, key: parameters + name })),
    ...Object.entries(variables.statistics).map(([name, { shape }]) => ({ name, shape, key: statistics + name })),
  ];
  const known = new Set(needed.map(({ name }) => name));
  const missing = needed.filter(({ name }) => given[name] === undefined).map(({ name }) => name);
  const unexpected = Object.keys(given).filter((name) => !known.has(name));
  const misshapen = needed.flatMap(({ name, shape }) => {
    const found = given[name];
    if (!found || (found.values instanceof Float32Array && found.shape.join() === shape.join())) return [];
    const type = found.values instanceof Float32Array ? '' : 'int32 ';
    return [`${name} is ${type}[${found.shape.join(', ')}] instead of [${shape.join(', ')}]`];
  });
  const problems = [
    listNames('missing', missing),
    listNames('not part of this network', unexpected),
    misshapen.slice(0, namesListed).join('; '),
  ].filter((part) => part !== '');
  if (problems.length > 0) {
    throw new LabError(
      'invalidDocument',
      `The initial weights “${file}” do not fit this network: ${problems.join('; ')}.`,
      'Use weights of a run with the same architecture, method and normalized layers.',
    );
  }
  return Object.fromEntries(needed.flatMap(({ name, key }) => (given[name] ? [[key, given[name]] as const] : [])));
}

function listNames(what: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const more = names.length > namesListed ? ` and ${names.length - namesListed} more` : '';
  return `${what}: ${names.slice(0, namesListed).join(', ')}${more}`;
}

function unusable(file: string, what: string, cause?: unknown): LabError {
  return new LabError(
    'invalidDocument',
    `The initial weights “${file}” cannot be used: ${what}.`,
    'Create the experiment again from the file with the weights.',
    cause,
  );
}
