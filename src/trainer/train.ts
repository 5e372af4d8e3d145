import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { openDataset } from '#files/datasetFolder.ts';
import { architectureLayers } from '#shared/domain/architectures/index.ts';
import { isLinearLayer, type ImageShape } from '#shared/domain/architecture.ts';
import { checkPlacement } from '#shared/domain/placement.ts';
import { metricSeries, type RunProgress, type RunSummary } from '#shared/domain/metric.ts';
import { durationInSteps, trainingLength } from '#shared/domain/trainingLength.ts';
import { learningRateAt } from '#shared/domain/learningRate.ts';
import { LabError } from '#shared/errors.ts';
import type { TrainTask } from '#shared/protocol.ts';
import { createAugmentation } from './augmentation.ts';
import { createBatchLoader } from './batch.ts';
import { clearCheckpointDirectory, readCheckpoint, writeCheckpoint, type CheckpointContext } from './checkpoint.ts';
import { createDataOrder } from './dataOrder.ts';
import { createDiagnostics, diagnosticSeries } from './diagnostics/diagnostics.ts';
import type { Engine, TensorRecord } from './engines/engine.ts';
import { createEvaluator } from './evaluation.ts';
import { requireExecution } from './execution.ts';
import { readInitialWeights } from './initialWeights.ts';
import { peakMemoryBytes } from './processMemory.ts';
import { createMetricBuffer, type SendMessage } from './metricBuffer.ts';
import { createNetwork } from './network.ts';
import { createOptimizer } from './optimizer.ts';
import { createPopulation, createPopulationAwareStep } from './population.ts';
import { addBatch, addEvaluation, countDueAfter, createProgress, isDue } from './progress.ts';
import { createRandomSeed } from './randomSource.ts';
import { lockRun } from './runLock.ts';
import {
  advanceState,
  countParameters,
  createInitialState,
  findNonFinite,
  readState,
  uploadState,
  type StateValues,
} from './state.ts';
import { stateSpecifications } from './steps/inputs.ts';
import { createTrainingStep, initializeFromData, logPrefix } from './steps/training.ts';
import { createTeacherStudentMeter, drawTeacherStudentData, startInSpanOfSamples } from './teacherStudent.ts';
import { disposeAll, readScalar, selectByPrefix, toScalars } from './tensors.ts';
import { createTiming } from './timing.ts';

/**
 * Trains one run from its seed or from a checkpoint, and sends what happens; the last message is
 * `finished`. Equal documents on the same engine give equal series but for `time/…`, also where a
 * run was stopped or killed and went on from a checkpoint.
 *
 * After each step: record, evaluate, take diagnostics, write a checkpoint, each where it is due; so a
 * checkpoint holds the run as it is after everything that its step brought about.
 * @param stop Aborted to ask for an end at the next step boundary, with a checkpoint.
 * @throws LabError where data, document, checkpoint or disk do not allow it.
 */
export async function train(task: TrainTask, engine: Engine, send: SendMessage, stop: AbortSignal): Promise<void> {
  const lock = await lockRun(task.checkpointDirectory);
  try {
    await trainAlone(task, engine, send, stop);
  } finally {
    await lock.release();
  }
}

async function trainAlone(task: TrainTask, engine: Engine, send: SendMessage, stop: AbortSignal): Promise<void> {
  const { document, checkpointDirectory } = task;
  const { batchSize, seed } = document;
  const execution = requireExecution(document.execution, engine);

  // Data
  const taught = document.architecture.id === 'teacher-student' ? drawTeacherStudentData(document.architecture) : null;
  const dataset = taught ?? (await openDataset(task.datasetDirectory ?? ''));
  const { height, width, channels } = dataset.document.image;
  const image: ImageShape = [height, width, channels];
  const { trainingImages, validationImages, subsetSeed } = document.dataset;
  if (document.dataset.checksum !== undefined && document.dataset.checksum !== dataset.document.checksum) {
    throw new LabError(
      'invalidDataset',
      `The data set “${dataset.document.id}” is not the one that this run was made for.`,
      'Import the original data again, or start a new run.',
    );
  }
  const training = await dataset.openSplit('training', { images: trainingImages, subsetSeed });
  const validation = await dataset.openSplit('validation', { images: validationImages, subsetSeed });
  const order = createDataOrder(seed, training.count, batchSize);
  const augmentation = createAugmentation(document, image, order.stepsPerEpoch);
  const loader = createBatchLoader(training, image, batchSize);
  const loadBatch = (step: number): TensorRecord =>
    loader.load(order.batchIndices(step), (images) => augmentation?.apply(step, images));

  // Lengths, in optimizer steps
  const length = trainingLength(document, training.count);
  const { totalSteps } = length;
  const evaluationInterval = durationInSteps(document.evaluation.every, order.stepsPerEpoch);
  const diagnosticInterval = durationInSteps(document.diagnostics.every, order.stepsPerEpoch);
  const checkpointInterval = durationInSteps(document.checkpoints.every, order.stepsPerEpoch);

  // Network and steps
  const layers = architectureLayers(document.architecture, image, dataset.document.classNames.length);
  checkPlacement(document, layers, training.count);
  const network = createNetwork(layers, image, document.method, document.normalizedLayers, document);
  const optimizer = createOptimizer(document.optimizer);
  const population = createPopulation(engine, network, image, training, seed, execution);
  const step = createPopulationAwareStep(population, (populationSize) =>
    createTrainingStep(engine, network, image, batchSize, optimizer, execution, populationSize),
  );
  const evaluator = createEvaluator(engine, network, image, validation, document.evaluation.batchSize, execution);
  const teacherMeter = taught && createTeacherStudentMeter(engine, network, image, taught.teacher, execution);
  const diagnostics =
    document.diagnostics.groups.length === 0
      ? null
      : createDiagnostics(engine, network, image, training, document, execution);

  // State: from the seed, or from a checkpoint
  const description = engine.describe();
  const context: CheckpointContext = {
    document,
    datasetChecksum: dataset.document.checksum,
    engine: description.title,
    stepsPerEpoch: order.stepsPerEpoch,
  };
  const start =
    task.resumeFrom === null
      ? { progress: createProgress(), state: await beginState() }
      : await readCheckpoint(task.resumeFrom, context, stateSpecifications(network, optimizer));
  if (taught && task.resumeFrom === null && document.initialWeights.file === null) {
    startInSpanOfSamples(start.state, training, seed);
  }
  const progress = start.progress;
  await clearCheckpointDirectory(checkpointDirectory, progress.step);
  let state = uploadState(start.state);
  if (task.resumeFrom === null && network.initializesFromData && document.initialWeights.file === null) {
    state = initializeFromData(engine, network, state, loadBatch(0), execution);
  }

  send({
    type: 'prepared',
    engine: description,
    parameterCount: countParameters(network),
    stepsPerEpoch: order.stepsPerEpoch,
    totalSteps,
    startStep: progress.step,
    layers: layers.filter(isLinearLayer).map((layer) => layer.name),
  });

  const metrics = createMetricBuffer(send);
  const timing = createTiming(batchSize, validation.count);
  const startedAt = performance.now();
  const earlierSeconds = progress.elapsedSeconds;
  const elapsedSeconds = (): number => earlierSeconds + secondsSince(startedAt);
  let checkpointedStep = task.resumeFrom === null ? -1 : progress.step;
  let intervalSeconds = 0;
  let intervalSteps = 0;
  let outcome: 'done' | 'stopped' | 'diverged' = 'done';
  let lastFiniteStep: number | null = null;

  if (progress.step === 0) await diagnose(learningRateAt(document, 0, length), []);

  while (progress.step < totalSteps && !stop.aborted) {
    const stepStartedAt = performance.now();
    const stepIndex = progress.step;
    const learningRate = learningRateAt(document, stepIndex, length);

    // Forward, backward, update
    const batch = loadBatch(stepIndex);
    const scalars = toScalars(optimizer.scalars(stepIndex, learningRate));
    const randomSeed = network.drawsRandomNumbers ? createRandomSeed(seed, stepIndex) : {};
    const results = step.run(stepIndex, { ...state, ...batch, ...randomSeed, ...scalars });
    const loss = readScalar(results, 'loss');
    const correctCount = 'correctCount' in results ? readScalar(results, 'correctCount') : null;
    const stateIsFinite = Number.isFinite(readScalar(results, 'stateSum'));
    const logs = Object.keys(selectByPrefix(results, logPrefix)).map(
      (series) => [series, readScalar(results, logPrefix + series)] as const,
    );
    disposeAll({ ...batch, ...randomSeed, ...scalars });
    state = advanceState(state, results);

    // Record: a point of a step stands at the number of updates done with it
    const done = stepIndex + 1;
    metrics.add(metricSeries.trainLoss, done, loss);
    if (correctCount !== null) metrics.add(metricSeries.trainAccuracy, done, correctCount / batchSize);
    metrics.add(metricSeries.learningRate, done, learningRate);
    for (const [series, value] of logs) metrics.add(series, done, value);
    progress.step = done;
    if (!Number.isFinite(loss)) {
      // The update made of this loss is worthless: the curve ends here.
      outcome = 'diverged';
      lastFiniteStep = stepIndex === 0 ? null : stepIndex;
      break;
    }
    addBatch(progress, loss, correctCount);
    if (!stateIsFinite) {
      // The loss was still finite, but what the update left behind is not.
      const nonFinite = findNonFinite(readState(state)) ?? 'a sum of the state';
      send({ type: 'log', level: 'warning', text: `${nonFinite} is not finite after step ${done}.` });
      outcome = 'diverged';
      lastFiniteStep = done;
      break;
    }
    await yieldToEvents();
    const stepSeconds = secondsSince(stepStartedAt);
    timing.addStep(stepSeconds);
    intervalSeconds += stepSeconds;
    intervalSteps++;

    // Evaluate
    if (isDue(done, evaluationInterval, totalSteps)) {
      metrics.flush(currentProgress());
      const evaluationStartedAt = performance.now();
      const precise = (await population?.preciseStatistics(state)) ?? {};
      const evaluation = await evaluator.evaluate({ ...state, ...precise });
      const ofTeacher = teacherMeter?.measure({ ...state, ...precise }) ?? {};
      disposeAll(precise);
      timing.addEvaluation(secondsSince(evaluationStartedAt));
      const { trainLoss, trainAccuracy } = addEvaluation(progress, evaluation, batchSize);
      metrics.add(metricSeries.validationLoss, done, evaluation.loss);
      if (evaluation.accuracy !== null) metrics.add(metricSeries.validationAccuracy, done, evaluation.accuracy);
      metrics.add(metricSeries.trainMeanLoss, done, trainLoss);
      if (trainAccuracy !== null) metrics.add(metricSeries.trainMeanAccuracy, done, trainAccuracy);
      metrics.add(metricSeries.gapLoss, done, evaluation.loss - trainLoss);
      for (const [series, value] of Object.entries(ofTeacher)) metrics.add(series, done, value);
      metrics.add(metricSeries.elapsedSeconds, done, elapsedSeconds());
      metrics.add(metricSeries.samplesPerSecond, done, (intervalSteps * batchSize) / intervalSeconds);
      intervalSeconds = 0;
      intervalSteps = 0;
    }
    if (isDue(done, diagnosticInterval, totalSteps)) await diagnose(learningRate, logs);
    metrics.offer(currentProgress);

    // Keep
    if (isDue(done, checkpointInterval, totalSteps) && !(await keepCheckpoint())) {
      outcome = 'diverged';
      lastFiniteStep = done;
      break;
    }
  }

  if (outcome === 'done' && progress.step < totalSteps) {
    outcome = 'stopped';
    if (checkpointedStep !== progress.step && !(await keepCheckpoint())) {
      outcome = 'diverged';
      lastFiniteStep = progress.step;
    }
  }
  metrics.flush(currentProgress());
  send({ type: 'finished', outcome, summary: summarize() });

  step.dispose();
  population?.dispose();
  evaluator.dispose();
  teacherMeter?.dispose();
  diagnostics?.dispose();
  disposeAll(state);
  training.close();
  validation.close();

  /** The state before the first step: drawn by the seed, or with the weights that the document names. */
  async function beginState(): Promise<StateValues> {
    const drawn = createInitialState(network, seed, optimizer);
    const { initialWeights } = document;
    if (initialWeights.file === null) return drawn;
    return { ...drawn, ...(await readInitialWeights(task.initialWeights ?? '', initialWeights, network)) };
  }

  /** Adds what diagnostics measure of the state, but for series that the step logged. */
  async function diagnose(learningRate: number, logs: readonly (readonly [series: string, value: number])[]) {
    if (diagnostics === null) return;
    const startedAt = performance.now();
    const logged = new Set(logs.map(([series]) => series));
    for (const [series, value] of diagnosticSeries(await diagnostics.measure(state, learningRate))) {
      if (!logged.has(series)) metrics.add(series, progress.step, value);
    }
    timing.addDiagnostics(secondsSince(startedAt));
  }

  /** Writes a checkpoint, false where the state is not finite. Main removes old ones when it has recorded this one. */
  async function keepCheckpoint(): Promise<boolean> {
    const checkpointStartedAt = performance.now();
    const values = readState(state);
    const nonFinite = findNonFinite(values);
    if (nonFinite !== null) {
      send({ type: 'log', level: 'warning', text: `${nonFinite} is not finite after step ${progress.step}.` });
      return false;
    }
    progress.elapsedSeconds = elapsedSeconds();
    const written = await writeCheckpoint(checkpointDirectory, { progress, state: values }, context);
    checkpointedStep = progress.step;
    // Main must have every point up to a checkpoint before it hears of it.
    metrics.flush(currentProgress());
    send({ type: 'checkpoint', step: progress.step, ...written });
    timing.addCheckpoint(secondsSince(checkpointStartedAt));
    return true;
  }

  function currentProgress(): RunProgress {
    const memory = engine.memory();
    return {
      step: progress.step,
      totalSteps,
      epoch: progress.step / order.stepsPerEpoch,
      trainLoss: progress.lastTrainLoss,
      validationLoss: progress.lastEvaluation?.validationLoss ?? null,
      validationAccuracy: progress.lastEvaluation?.validationAccuracy ?? null,
      samplesPerSecond: timing.samplesPerSecond(),
      secondsLeft: timing.secondsLeft({
        steps: totalSteps - progress.step,
        evaluations: countDueAfter(progress.step, evaluationInterval, totalSteps),
        diagnostics: countDueAfter(progress.step, diagnosticInterval, totalSteps),
        checkpoints: countDueAfter(progress.step, checkpointInterval, totalSteps),
      }),
      residentMemoryBytes: memory.residentBytes,
      tensorCount: memory.tensorCount,
    };
  }

  function summarize(): RunSummary {
    return {
      steps: progress.step,
      epochs: progress.step / order.stepsPerEpoch,
      trainLoss: progress.lastEvaluation?.trainLoss ?? null,
      trainAccuracy: progress.lastEvaluation?.trainAccuracy ?? null,
      validationLoss: progress.lastEvaluation?.validationLoss ?? null,
      validationAccuracy: progress.lastEvaluation?.validationAccuracy ?? null,
      bestValidationLoss: progress.bestValidationLoss,
      bestValidationAccuracy: progress.bestValidationAccuracy,
      samplesPerSecond: timing.medianSamplesPerSecond(),
      durationSeconds: elapsedSeconds(),
      peakMemoryBytes: peakMemoryBytes(),
      lastFiniteStep,
    };
  }
}

function secondsSince(startedAtMs: number): number {
  return (performance.now() - startedAtMs) / 1000;
}
