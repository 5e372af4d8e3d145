import { LabError } from '../errors.ts';
import { isLinearLayer, normalizableLayerNames, type NetworkLayer } from './architecture.ts';
import { architectures } from './architectures/index.ts';
import { findMethodProblem, methods, type MethodSettings } from './methods/index.ts';
import type { RunDocument } from './run.ts';

/** What a run document says of which layer has which normalizer, and where dropout stands. */
export type Placement = Pick<RunDocument, 'method' | 'normalizedLayers' | 'layerMethods' | 'dropout'>;

/** A layer that can have a normalizer, and the one it has. */
export interface PlacedMethod {
  name: string;
  channels: number;
  settings: MethodSettings;
}

export interface PlacementProblem {
  /** Of the field to be changed, as in `layerMethods.conv1.groups`. */
  path: string;
  message: string;
  hint: string;
}

/** The method of every layer that can have one, in network order: its own, or the run's where that is wanted, or none. */
export function placeMethods(
  { method, normalizedLayers, layerMethods }: Pick<Placement, 'method' | 'normalizedLayers' | 'layerMethods'>,
  layers: readonly NetworkLayer[],
): PlacedMethod[] {
  return layers
    .filter(isLinearLayer)
    .filter(({ normalizable }) => normalizable)
    .map(({ name, channels }) => ({
      name,
      channels,
      settings:
        layerMethods[name] ?? (normalizedLayers === 'all' || normalizedLayers.includes(name) ? method : { id: 'none' }),
    }));
}

/** Names of the layers behind which a normalizer stands, in network order. */
export function normalizedLayerNames(
  placement: Pick<Placement, 'method' | 'normalizedLayers' | 'layerMethods'>,
  layers: readonly NetworkLayer[],
): string[] {
  return placeMethods(placement, layers)
    .filter(({ settings }) => methods[settings.id].normalizes)
    .map(({ name }) => name);
}

/** Layers that are named and cannot have what they are named for. */
export function findNameProblems(
  { normalizedLayers, layerMethods, dropout }: Omit<Placement, 'method'>,
  layers: readonly NetworkLayer[],
): PlacementProblem[] {
  const possible = normalizableLayerNames(layers);
  const named: [path: string, name: string][] = [
    ...(normalizedLayers === 'all' ? [] : normalizedLayers).map(
      (name) => ['normalizedLayers', name] as [string, string],
    ),
    ...Object.keys(layerMethods).map((name) => [`layerMethods.${name}`, name] as [string, string]),
    ...(dropout.layers === 'all' ? [] : dropout.layers).map((name) => ['dropout.layers', name] as [string, string]),
  ];
  return named
    .filter(([, name]) => !possible.includes(name))
    .map(([path, name]) => {
      const isThere = layers.some((layer) => isLinearLayer(layer) && layer.name === name);
      return {
        path,
        message: `${path} names “${name}”, which ${isThere ? 'cannot have a normalizer' : 'is no layer of this network'}.`,
        hint: `Choose among: ${possible.join(', ')}.`,
      };
    });
}

/** Everything about methods and their places that does not fit the run's layers, batch or data. */
export function findPlacementProblems(
  run: Placement & Pick<RunDocument, 'batchSize'> & Partial<Pick<RunDocument, 'architecture'>>,
  layers: readonly NetworkLayer[],
  trainingImages: number,
): PlacementProblem[] {
  const problems = findNameProblems(run, layers);
  const placed = placeMethods(run, layers);
  const own = Object.entries(run.layerMethods).map(([name, settings]) => ({ path: `layerMethods.${name}`, settings }));
  const description = run.architecture && architectures[run.architecture.id];
  for (const { path, settings } of [{ path: 'method', settings: run.method }, ...own]) {
    if (description?.possibleMethods && !description.possibleMethods.includes(settings.id)) {
      problems.push({
        path,
        message: `${description.name} cannot have ${methods[settings.id].name}.`,
        hint: `Choose among: ${description.possibleMethods.join(', ')}.`,
      });
    }
    const problem = findMethodProblem(settings, {
      path,
      batchSize: run.batchSize,
      trainingImages,
      normalizedLayers: placed.filter((layer) => layer.settings === settings),
    });
    if (problem) problems.push({ ...problem, path: `${path}.${problem.field}` });
  }
  return [...problems, ...findPopulationConflicts(run, placed)];
}

/** The settings that say which images population statistics are taken from, and when. */
const populationKeys = ['images', 'subset', 'refreshEvery'] as const;

/** One population serves all layers of a network: where several methods take statistics from it, they must agree. */
function findPopulationConflicts({ method }: Placement, placed: readonly PlacedMethod[]): PlacementProblem[] {
  const users = placed.filter(({ settings }) => 'images' in settings);
  const [first] = users;
  if (!first) return [];
  const pathOf = ({ name, settings }: PlacedMethod): string =>
    settings === method ? 'method' : `layerMethods.${name}`;
  const valueOf = ({ settings }: PlacedMethod, key: (typeof populationKeys)[number]): unknown =>
    (settings as Partial<Record<typeof key, unknown>>)[key];
  return users.slice(1).flatMap((user) =>
    populationKeys
      .filter((key) => valueOf(user, key) !== valueOf(first, key))
      .map((key) => ({
        path: `${pathOf(user)}.${key}`,
        message: `${pathOf(first)}.${key} is ${String(valueOf(first, key))}, but ${pathOf(user)}.${key} is ${String(valueOf(user, key))}: all layers take their statistics from one population.`,
        hint: `Set ${pathOf(user)}.${key} to ${String(valueOf(first, key))}.`,
      })),
  );
}

/** @throws LabError `invalidDocument` where anything of it does not fit. */
export function checkPlacement(...args: Parameters<typeof findPlacementProblems>): void {
  throwProblems(findPlacementProblems(...args));
}

/** @throws LabError `invalidDocument` where a layer is named that is not there or cannot have a normalizer. */
export function checkLayerNames(...args: Parameters<typeof findNameProblems>): void {
  throwProblems(findNameProblems(...args));
}

function throwProblems(problems: readonly PlacementProblem[]): void {
  const [first] = problems;
  if (!first) return;
  throw new LabError('invalidDocument', problems.map(({ message }) => message).join(' '), first.hint);
}
