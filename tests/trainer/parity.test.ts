import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { checkFixture, parityExecutions } from '#trainer/parity.ts';
import { testEngines } from '../engines.ts';

/** Folders of fixtures beside the repository or where `NORMLAB_PARITY` says; none where there are none. */
const directory = process.env['NORMLAB_PARITY'] ?? join(import.meta.dirname, '../../../shared/parity');
const fixtures = (existsSync(directory) ? readdirSync(directory) : [])
  .map((name) => join(directory, name))
  .filter((folder) => existsSync(join(folder, 'run.json')));
/** Plain JavaScript takes a minute for one with training steps. */
const quickOnes = fixtures.filter((folder) => folder.endsWith('foldBatchNorm'));

/** Training steps of a float64 program in PyTorch, repeated from the same values by the product's own steps. */
for (const { name, location } of testEngines) {
  describe.runIf(location && fixtures.length > 0)(`parity on ${name} (where it and the fixtures are there)`, () => {
    it.each(name === 'javascript' ? quickOnes : fixtures)('%s', async (folder) => {
      if (!location) return;
      const engine = await openEngine(location);
      try {
        for (const execution of parityExecutions(engine)) {
          const { fixture, mode, operations, problem, errors, tolerances, exceeded } = await checkFixture(
            folder,
            engine,
            execution,
          );
          expect(problem, `${fixture}, ${mode}, ${operations}`).toBe(null);
          expect(Object.keys(errors).sort()).toEqual(expect.arrayContaining(Object.keys(tolerances).sort()));
          expect({ mode, operations, exceeded }).toEqual({ mode, operations, exceeded: [] });
        }
        expect(engine.memory().tensorCount).toBe(0);
      } finally {
        engine.dispose();
      }
    });
  });
}
