import { LabError } from '../../errors.ts';
import { labCommand } from '../../labCommand.ts';
import type { FigureDescription } from './figure.ts';
import { figure2 } from './figure2.ts';

/** Figures that can be reproduced, in the paper's order. */
export const figures: readonly FigureDescription[] = [figure2];

/** @throws LabError `notFound` naming the figures there are. */
export function findFigure(id: string): FigureDescription {
  const figure = figures.find((candidate) => candidate.id === id);
  if (figure) return figure;
  throw new LabError(
    'notFound',
    `There is no figure “${id}” to reproduce.`,
    `Choose one of: ${figures.map((candidate) => candidate.id).join(', ')}; ${labCommand('reproduce --list')} describes them.`,
  );
}
