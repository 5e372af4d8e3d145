import { describe } from 'vitest';
import { testEngines } from '../engines.ts';
import { describeEngineConformance } from './engine.conformance.ts';

for (const { name, location } of testEngines) {
  describe.runIf(location)(location === null ? `${name} (not on this machine)` : name, () => {
    if (location !== null) describeEngineConformance(location);
  });
}
