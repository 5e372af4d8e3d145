import { afterAll, beforeAll } from 'vitest';
import type { Engine } from '#trainer/engines/engine.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { bestEngine } from '../engines.ts';
import { createTinyLab, type TinyLab } from './tinyDataset.ts';

/** What a tiny training needs; there while tests run. */
export interface TinyTraining {
  engine: Engine;
  lab: TinyLab;
}

/** Gives the tests of a `describe` the best engine that is here, and a lab with tiny data. */
export function useTinyTraining(): TinyTraining {
  const tiny = {} as TinyTraining;
  beforeAll(async () => {
    tiny.lab = await createTinyLab();
    tiny.engine = await openEngine(bestEngine);
  });
  afterAll(async () => {
    tiny.engine.dispose();
    await tiny.lab.remove();
  });
  return tiny;
}
