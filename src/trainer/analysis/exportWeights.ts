import { writeChunksAtomically } from '#files/atomicWrite.ts';
import { serializeNpz } from '#files/npz.ts';
import { serializeSafetensors } from '#files/safetensors.ts';
import type { ExportWeightsTask, TrainerMessage } from '#shared/protocol.ts';
import { readCheckpoint } from '../checkpoint.ts';
import { statePrefixes } from '../steps/inputs.ts';
import { selectByPrefix } from '../tensors.ts';
import { foldState } from './folded.ts';

/**
 * Writes parameters and statistics of a checkpoint as `<layer>/<variable>`, float32: kernels of
 * convolutions [height, width, in, out], of dense layers [in, out], everything else [out]. Folded:
 * `kernel` and `bias` of each layer. A safetensors file says in its metadata what it is of.
 * @throws LabError `checkpointInvalid`, `invalidState` where it cannot be folded, `diskFull`, `labNotWritable`.
 */
export async function exportWeights({
  document,
  checkpoint,
  folded,
  format,
  file,
}: Pick<ExportWeightsTask, 'document' | 'checkpoint' | 'folded' | 'format' | 'file'>): Promise<
  Extract<TrainerMessage, { type: 'exported' }>
> {
  const { progress, state } = await readCheckpoint(checkpoint, { document, datasetChecksum: null }, null);
  const weights = folded
    ? foldState(state, document)
    : { ...selectByPrefix(state, statePrefixes.parameters), ...selectByPrefix(state, statePrefixes.statistics) };
  const about = {
    format: 'normlab.weights',
    version: '1',
    step: String(progress.step),
    folded: String(folded),
    document: JSON.stringify(document),
  };
  const chunks = format === 'npz' ? serializeNpz(weights) : serializeSafetensors(weights, about);
  await writeChunksAtomically(file, chunks);
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  return { type: 'exported', step: progress.step, file, bytes };
}
