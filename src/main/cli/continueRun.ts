import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseRunDocument, type RunDocument } from '#shared/domain/run.ts';
import { exportWeights } from '../runs/trainerTask.ts';
import { keepWeights } from '../runs/weightsFiles.ts';
import type { CommandContext } from './context.ts';
import type { ExperimentDraft } from './experimentFromOptions.ts';
import { findCheckpoint, type CheckpointChoice } from './trainedCheckpoint.ts';

/**
 * What training of a folded network begins with: no normalizer or dropout, plain gradient descent at a
 * constant 10⁻³, and the norms of its kernels (the paper's Figure 7).
 */
const finetuning = {
  method: { id: 'none' },
  normalizedLayers: 'all',
  layerMethods: {},
  dropout: {},
  optimizer: { id: 'sgd', learningRate: 1e-3, momentum: 0, scaleWithBatchSize: false },
  schedule: { id: 'constant' },
  warmUp: undefined,
  diagnostics: { groups: ['kernelNorms'] },
} satisfies Partial<Record<keyof RunDocument, unknown>>;

/**
 * An experiment that begins with the weights of a trained run's checkpoint, with its settings; or,
 * folded, without normalization where the run had it. The lab keeps the weights from now on.
 * @throws LabError `notFound` without a checkpoint, `invalidState` where the run cannot be folded.
 */
export async function continueRun(
  context: CommandContext,
  id: string,
  { folded, checkpoint: choice }: { folded: boolean; checkpoint: CheckpointChoice },
): Promise<ExperimentDraft> {
  const { labDirectory, launcher } = context;
  const { run, checkpoint } = await findCheckpoint(context, id, choice);
  const name = `run-${run.id}-step-${checkpoint.step}${folded ? '-folded' : ''}.safetensors`;
  const work = await mkdtemp(join(tmpdir(), 'normlab-weights-'));
  try {
    const file = join(work, name);
    const task = { document: run.document, checkpoint: checkpoint.file, folded, format: 'safetensors', file } as const;
    await exportWeights(launcher, task);
    const { sha256 } = await keepWeights(labDirectory, { file });
    const { seed, ...base } = parseRunDocument({
      ...run.document,
      ...(folded && finetuning),
      initialWeights: { file: name, sha256 },
    });
    return {
      name: `${run.label}${folded ? ', without normalization' : ''} from run ${run.id}`,
      base,
      vary: [],
      seeds: [seed],
    };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
