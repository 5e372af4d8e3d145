import { LabError } from '#shared/errors.ts';
import type { ParityRecord, ParityTask } from '#shared/protocol.ts';
import { basename } from 'node:path';
import type { Engine } from './engines/engine.ts';
import { readFixture } from './parity/fixture.ts';
import { measureFolding, measureTraining } from './parity/measure.ts';
import type { StepExecution } from './steps/inputs.ts';

/** Every way in which this engine computes in float32. */
export function parityExecutions(engine: Engine): StepExecution[] {
  const { compiledSteps, fusedOperations } = engine.describe().capabilities;
  const precision = 'float32';
  const executions: StepExecution[] = [{ mode: 'eager', operations: 'composed', precision }];
  if (fusedOperations) executions.push({ mode: 'eager', operations: 'fused', precision });
  if (compiledSteps)
    executions.push({ mode: 'compiled', operations: fusedOperations ? 'fused' : 'composed', precision });
  return executions;
}

/**
 * Repeats reference runs with the network and the steps that training uses, in each way that the engine
 * has. A fixture that cannot be run gives a record with a `problem` and spoils no other.
 */
export async function checkParity(
  { directories }: Pick<ParityTask, 'directories'>,
  engine: Engine,
): Promise<ParityRecord[]> {
  const records: ParityRecord[] = [];
  for (const directory of directories) {
    for (const execution of parityExecutions(engine)) {
      records.push(await checkFixture(directory, engine, execution));
    }
  }
  return records;
}

/** One fixture in one way of computing. */
export async function checkFixture(directory: string, engine: Engine, execution: StepExecution): Promise<ParityRecord> {
  const about = {
    fixture: basename(directory),
    engine: engine.describe().title,
    mode: execution.mode,
    operations: execution.operations,
  };
  try {
    const fixture = await readFixture(directory);
    const { steps, errors } =
      fixture.kind === 'folding'
        ? measureFolding(fixture, engine, execution)
        : measureTraining(fixture, engine, execution);
    const { tolerances } = fixture.expected;
    // An error that is no number is within no tolerance.
    const exceeded = Object.entries(tolerances).filter(([kind, tolerance]) => !((errors[kind] ?? NaN) <= tolerance));
    return {
      ...about,
      ok: exceeded.length === 0,
      exceeded: exceeded.map(([kind]) => kind),
      steps,
      errors,
      tolerances,
      problem: null,
    };
  } catch (error) {
    const message =
      error instanceof LabError
        ? error.message
        : `The fixture ${about.fixture} cannot be run: ${error instanceof Error ? error.message : String(error)}.`;
    return { ...about, ok: false, exceeded: [], steps: [], errors: {}, tolerances: {}, problem: message };
  }
}
