import type { MethodContext, MethodProblem } from '../method.ts';

/** The layer whose channels cannot be divided into that many groups, if there is one. */
export function findGroupProblem(groups: number, { path, normalizedLayers }: MethodContext): MethodProblem | null {
  const layer = normalizedLayers.find(({ channels }) => channels % groups !== 0);
  if (layer === undefined) return null;
  const divisors = Array.from({ length: layer.channels }, (_, index) => index + 1).filter((count) =>
    normalizedLayers.every(({ channels }) => channels % count === 0),
  );
  return {
    field: 'groups',
    message: `The ${layer.channels} channels of ${layer.name} cannot be divided into ${groups} groups of equal size.`,
    hint: `Set ${path}.groups to ${divisors.join(', ')}, or normalize other layers.`,
  };
}
