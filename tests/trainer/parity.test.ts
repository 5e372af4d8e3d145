import { describe, expect, it } from 'vitest';
import { openEngine } from '#trainer/engines/openEngine.ts';
import type { StepExecution } from '#trainer/steps.ts';
import { testEngines } from '../engines.ts';
import { findParityFixtures, measureParity } from './parityFixture.ts';

const fixtures = findParityFixtures();

/**
 * Training steps of a float64 program in PyTorch, repeated from the same values. Not in plain
 * JavaScript, where one fixture takes a minute: verify.test.ts holds it to float64 on a smaller network.
 */
for (const { name, location } of testEngines.filter((engine) => engine.name !== 'javascript')) {
  describe.runIf(location && fixtures.length > 0)(`parity on ${name} (where it and the fixtures are there)`, () => {
    it.each(fixtures)('$name', async ({ directory }) => {
      if (!location) return;
      const engine = await openEngine(location);
      try {
        const { compiledSteps, fusedOperations } = engine.describe().capabilities;
        const executions: StepExecution[] = [{ mode: 'eager', operations: 'composed', precision: 'float32' }];
        if (fusedOperations) executions.push({ mode: 'eager', operations: 'fused', precision: 'float32' });
        if (compiledSteps) executions.push({ mode: 'compiled', operations: 'fused', precision: 'float32' });
        for (const execution of executions) {
          const { deviations, tolerances } = measureParity(directory, engine, execution);
          const exceeded = Object.entries(deviations).filter(
            ([deviation, value]) => !(value <= tolerances[deviation as keyof typeof tolerances]),
          );
          expect(exceeded, `${execution.mode}, ${execution.operations}`).toEqual([]);
        }
        expect(engine.memory().tensorCount).toBe(0);
      } finally {
        engine.dispose();
      }
    });
  });
}
