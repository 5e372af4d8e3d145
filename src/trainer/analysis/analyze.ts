import type { AnalysisResult, AnalyzeTask, TrainerMessage } from '#shared/protocol.ts';
import { learningRateAt } from '#shared/domain/learningRate.ts';
import { trainingLength } from '#shared/domain/trainingLength.ts';
import { diagnosticGroups } from '#shared/domain/diagnostics.ts';
import { createDiagnostics } from '../diagnostics/diagnostics.ts';
import type { Engine } from '../engines/engine.ts';
import { uploadState } from '../state.ts';
import { disposeAll } from '../tensors.ts';
import { measureAblation } from './ablation.ts';
import { measureFolded } from './folded.ts';
import { measureReestimated } from './reestimate.ts';
import { openTrainedRun, type TrainedRun } from './trainedRun.ts';

/** Finds something out about the network of a checkpoint. @throws LabError where it cannot. */
export async function analyze(
  task: AnalyzeTask,
  engine: Engine,
): Promise<Extract<TrainerMessage, { type: 'analyzed' }>> {
  const run = await openTrainedRun(task, engine);
  try {
    return { type: 'analyzed', step: run.step, engine: engine.describe().title, result: await find(task, run) };
  } finally {
    run.close();
  }
}

function find({ analysis }: AnalyzeTask, run: TrainedRun): Promise<AnalysisResult> {
  switch (analysis.kind) {
    case 'ablation':
      return measureAblation(run, analysis);
    case 'reestimate':
      return measureReestimated(run, analysis.images);
    case 'fold':
      return measureFolded(run);
    case 'diagnostics':
      return measureDiagnostics(run, analysis.images);
  }
}

async function measureDiagnostics(run: TrainedRun, images: number): Promise<AnalysisResult> {
  const { engine, network, image, training, document, execution } = run;
  const meter = createDiagnostics(
    engine,
    network,
    image,
    training,
    { diagnostics: { groups: [...diagnosticGroups], images }, batchSize: document.batchSize, seed: document.seed },
    execution,
  );
  const state = uploadState(run.state);
  const rate = learningRateAt(document, Math.max(0, run.step - 1), trainingLength(document, training.count));
  const values = await meter.measure(state, rate);
  disposeAll(state);
  meter.dispose();
  const channels = Object.fromEntries(
    Object.entries(values.channels).map(([name, ofChannels]) => [name, Float64Array.from(ofChannels)]),
  );
  return { kind: 'diagnostics', images: meter.images, layers: values.layers, channels };
}
