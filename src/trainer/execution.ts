import type { RunDocument } from '#shared/domain/run.ts';
import { LabError } from '#shared/errors.ts';
import type { Engine } from './engines/engine.ts';
import type { StepExecution } from './steps/inputs.ts';

/**
 * How this engine runs the steps of a document. Compiled and fused fall back to eager and composed,
 * which is slower but equal; another precision would be another experiment.
 * @throws LabError `engineMissing` where the engine lacks the precision.
 */
export function requireExecution(wanted: RunDocument['execution'], engine: Engine): StepExecution {
  const { title, capabilities } = engine.describe();
  if (!capabilities.precisions.includes(wanted.precision)) {
    throw new LabError(
      'engineMissing',
      `${title} cannot train in ${wanted.precision}.`,
      `Set execution.precision to ${capabilities.precisions.join(' or ')}, or install another engine.`,
    );
  }
  return {
    mode: capabilities.compiledSteps ? wanted.mode : 'eager',
    operations: capabilities.fusedOperations ? wanted.operations : 'composed',
    precision: wanted.precision,
  };
}
