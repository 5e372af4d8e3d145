import { createHash } from 'node:crypto';
import { readFile, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { hashRunDocument, runDocumentSchema, type RunDocument } from '#shared/domain/run.ts';
import { LabError } from '#shared/errors.ts';
import { removeLeftoverTemporaryFiles, writeChunksAtomically } from '#files/atomicWrite.ts';
import { parseSafetensors, safetensorsPayload, serializeSafetensors } from '#files/safetensors.ts';
import type { TensorSpecification } from './engines/engine.ts';
import { trainingProgressSchema, type TrainingProgress } from './progress.ts';
import { isLockLeftover } from './runLock.ts';
import type { StateValues } from './state.ts';

const format = 'normlab.checkpoint';
const version = 1;

const descriptionSchema = z.strictObject({
  document: z.unknown(),
  documentHash: z.string(),
  datasetChecksum: z.string(),
  engine: z.string(),
  /** Where the data order stands: epoch and batch within it. */
  dataOrder: z.strictObject({ epoch: z.int().nonnegative(), batch: z.int().nonnegative() }),
  progress: trainingProgressSchema,
});

export interface Checkpoint {
  progress: TrainingProgress;
  state: StateValues;
}

/** What a checkpoint belongs to. */
export interface CheckpointContext {
  document: RunDocument;
  datasetChecksum: string;
  /** Title of the engine that trained it. */
  engine: string;
  stepsPerEpoch: number;
}

export function checkpointFileName(step: number): string {
  return `step-${String(step).padStart(9, '0')}.safetensors`;
}

function stepOfFile(name: string): number | null {
  const match = /^step-(\d+)\.safetensors$/.exec(name);
  return match ? Number(match[1]) : null;
}

/** SHA-256 over the description and the tensors' bytes. */
function checksumOf(description: string, chunks: readonly Uint8Array[]): string {
  const hash = createHash('sha256').update(description, 'utf8');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

/**
 * Removes what killed trainers left in a run's checkpoint folder: half-written files, and checkpoints
 * of steps after `startStep`, which belong to a course that is given up. For who has locked the run.
 */
export async function clearCheckpointDirectory(directory: string, startStep: number): Promise<void> {
  await removeLeftoverTemporaryFiles(directory, () => false);
  for (const name of await readdir(directory)) {
    const isAbandoned = (stepOfFile(name) ?? -1) > startStep;
    if (isAbandoned || isLockLeftover(name)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

/**
 * Writes a checkpoint as safetensors: tensors `parameters/…`, `slots/…`, `statistics/…` as F32; the
 * rest as JSON in the metadata, with a SHA-256 over both. When this returns, it is on disk whole.
 * @throws LabError `diskFull` or `labNotWritable`; earlier checkpoints are untouched then.
 */
export async function writeCheckpoint(
  directory: string,
  { progress, state }: Checkpoint,
  { document, datasetChecksum, engine, stepsPerEpoch }: CheckpointContext,
): Promise<{ file: string; bytes: number }> {
  const description = JSON.stringify({
    document,
    documentHash: hashRunDocument(document),
    datasetChecksum,
    engine,
    dataOrder: { epoch: Math.floor(progress.step / stepsPerEpoch), batch: progress.step % stepsPerEpoch },
    progress,
  } satisfies z.infer<typeof descriptionSchema>);
  const chunks = serializeSafetensors(state, {
    format,
    version: String(version),
    checksum: checksumOf(description, safetensorsPayload(state)),
    description,
  });
  const file = join(directory, checkpointFileName(progress.step));
  await writeChunksAtomically(file, chunks);
  return { file, bytes: chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0) };
}

function invalid(file: string, what: string, cause?: unknown): LabError {
  return new LabError(
    'checkpointInvalid',
    `The checkpoint “${basename(file)}” cannot be used: ${what}.`,
    'Go on from an older checkpoint, or start the run again.',
    cause,
  );
}

/**
 * Reads a checkpoint and checks that it is whole and belongs to this run.
 * @param context Without a checksum of the data set, any will do.
 * @param specifications Tensors that the run's network needs; null takes what there is.
 * @throws LabError `checkpointInvalid`.
 */
export async function readCheckpoint(
  file: string,
  context: { document: RunDocument; datasetChecksum: string | null },
  specifications: Record<string, TensorSpecification> | null,
): Promise<Checkpoint> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw invalid(file, 'it cannot be read', error);
  }
  const { tensors, metadata, payload } = parseSafetensors(bytes);
  if (metadata['format'] !== format) throw invalid(file, 'it holds weights, but is no checkpoint');
  if (metadata['version'] !== String(version)) {
    throw invalid(file, `it has version ${metadata['version']}, this program reads version ${version}`);
  }
  if (metadata['checksum'] !== checksumOf(metadata['description'] ?? '', [payload])) {
    throw invalid(file, 'its checksum does not match its content');
  }
  const description = parseDescription(file, metadata['description']);
  if (!isOfRun(description, context.document)) {
    throw invalid(file, 'it belongs to a run with other settings');
  }
  if (context.datasetChecksum !== null && description.datasetChecksum !== context.datasetChecksum) {
    throw invalid(file, 'the data set has changed since it was written');
  }
  if (specifications === null) return { progress: description.progress, state: tensors };
  const names = Object.keys(specifications);
  const missing = names.find((name) => tensors[name] === undefined);
  const unknown = Object.keys(tensors).find((name) => specifications[name] === undefined);
  if (missing !== undefined) throw invalid(file, `“${missing}” is missing`);
  if (unknown !== undefined) throw invalid(file, `“${unknown}” is not part of this network`);
  for (const [name, { shape }] of Object.entries(specifications)) {
    const found = tensors[name];
    if (!(found?.values instanceof Float32Array) || found.shape.join() !== shape.join()) {
      throw invalid(file, `“${name}” is not float32 of shape [${shape.join(', ')}]`);
    }
  }
  // In the network's order, whatever the file's.
  const state: StateValues = {};
  for (const name of names) {
    const tensor = tensors[name];
    if (tensor) state[name] = tensor;
  }
  return { progress: description.progress, state };
}

/**
 * Whether a checkpoint is one of this document. A version before may have written it whose documents
 * had fewer fields: those that it lacks had then the defaults of now.
 */
function isOfRun({ documentHash, document }: z.infer<typeof descriptionSchema>, wanted: RunDocument): boolean {
  const hash = hashRunDocument(wanted);
  if (documentHash === hash) return true;
  const completed = runDocumentSchema.safeParse(document);
  return completed.success && hashRunDocument(completed.data) === hash;
}

function parseDescription(file: string, text: string | undefined): z.infer<typeof descriptionSchema> {
  try {
    return descriptionSchema.parse(JSON.parse(text ?? ''));
  } catch (error) {
    throw invalid(file, 'its description is damaged', error);
  }
}
