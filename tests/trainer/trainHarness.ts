import { join } from 'node:path';
import { isTimingSeries } from '#shared/domain/metric.ts';
import { parseRunDocument, type RunDocument } from '#shared/domain/run.ts';
import { trainerMessageSchema, type EngineLocation, type TrainerMessage } from '#shared/protocol.ts';
import type { Engine } from '#trainer/engines/engine.ts';
import { train } from '#trainer/train.ts';
import type { TinyLab } from './tinyDataset.ts';

type MessageOf<Type extends TrainerMessage['type']> = Extract<TrainerMessage, { type: Type }>;

/** A run of the paper's CNN at a sixteenth of its width on the tiny data set: 11 steps an epoch. */
export function tinyDocument(changes: Record<string, unknown> = {}): RunDocument {
  return parseRunDocument({
    dataset: { id: 'tiny' },
    architecture: { id: 'paper-cnn', widthMultiplier: 0.0625 },
    optimizer: { id: 'sgd', learningRate: 0.05, scaleWithBatchSize: false },
    batchSize: 4,
    length: { unit: 'steps', value: 12 },
    evaluation: { every: { unit: 'steps', value: 5 }, batchSize: 5 },
    checkpoints: { every: { unit: 'steps', value: 4 }, keepLast: 2 },
    ...changes,
  });
}

export interface TrainResult {
  messages: TrainerMessage[];
  /** All points by series, without timing. */
  series: Record<string, [step: number, value: number][]>;
  finished: MessageOf<'finished'>;
  prepared: MessageOf<'prepared'>;
  /** Newest checkpoint file. */
  lastCheckpoint: string | null;
}

/** Trains in this process and gathers what is sent. */
export async function runTraining(
  engine: Engine,
  lab: TinyLab,
  document: RunDocument,
  options: {
    checkpoints?: string;
    resumeFrom?: string | null;
    initialWeights?: string;
    /** Asks for an end when this message arrives. */
    stopAt?: (message: TrainerMessage) => boolean;
  } = {},
): Promise<TrainResult> {
  const stop = new AbortController();
  const messages: TrainerMessage[] = [];
  const location: EngineLocation = { kind: 'javascript' };
  await train(
    {
      type: 'train',
      runId: 'run',
      document,
      initialWeights: options.initialWeights ?? null,
      datasetDirectory: lab.datasetDirectory,
      checkpointDirectory: join(lab.directory, options.checkpoints ?? 'checkpoints'),
      resumeFrom: options.resumeFrom ?? null,
      engine: location,
    },
    engine,
    (message) => {
      messages.push(trainerMessageSchema.parse(message));
      if (options.stopAt?.(message)) stop.abort();
    },
    stop.signal,
  );
  const find = <Type extends TrainerMessage['type']>(type: Type): MessageOf<Type> => {
    const found = messages.find((message): message is MessageOf<Type> => message.type === type);
    if (!found) throw new Error(`no message ${type}`);
    return found;
  };
  const checkpoints = messages.filter((message) => message.type === 'checkpoint');
  return {
    messages,
    series: collectSeries(messages),
    finished: find('finished'),
    prepared: find('prepared'),
    lastCheckpoint: checkpoints.at(-1)?.file ?? null,
  };
}

/** One run unbroken, and the same run stopped and resumed; checkpoints in folders that begin with `name`. */
export async function runUnbrokenAndBroken(
  engine: Engine,
  lab: TinyLab,
  document: RunDocument,
  name: string,
  stopAt: (message: TrainerMessage) => boolean,
): Promise<Record<'unbroken' | 'broken' | 'resumed', TrainResult>> {
  const unbroken = await runTraining(engine, lab, document, { checkpoints: `${name}-unbroken` });
  const checkpoints = `${name}-broken`;
  const broken = await runTraining(engine, lab, document, { checkpoints, stopAt });
  const resumed = await runTraining(engine, lab, document, { checkpoints, resumeFrom: broken.lastCheckpoint });
  return { unbroken, broken, resumed };
}

/** Ends a run with the checkpoint of a step. */
export function atCheckpoint(step: number): (message: TrainerMessage) => boolean {
  return (message) => message.type === 'checkpoint' && message.step === step;
}

export function collectSeries(messages: readonly TrainerMessage[]): Record<string, [number, number][]> {
  const all: Record<string, [number, number][]> = {};
  for (const message of messages) {
    if (message.type !== 'metrics') continue;
    for (const [name, { steps, values }] of Object.entries(message.series)) {
      if (isTimingSeries(name)) continue;
      steps.forEach((step, index) => (all[name] ??= []).push([step, values[index] ?? NaN]));
    }
  }
  return all;
}

/** The points up to a step, and those after it. */
export function splitSeries(
  series: TrainResult['series'],
  step: number,
): { before: TrainResult['series']; after: TrainResult['series'] } {
  const filter = (keep: (pointStep: number) => boolean): TrainResult['series'] =>
    Object.fromEntries(
      Object.entries(series)
        .map(([name, points]) => [name, points.filter(([pointStep]) => keep(pointStep))] as const)
        .filter(([, points]) => points.length > 0),
    );
  return { before: filter((pointStep) => pointStep <= step), after: filter((pointStep) => pointStep > step) };
}
