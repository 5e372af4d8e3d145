import { z } from 'zod';
import { labErrorCodes } from './errors.ts';
import { runDocumentSchema } from './domain/run.ts';

/**
 * Messages between main and a trainer process, over the child's IPC channel with structured clone.
 * Both sides validate what they receive. One process does one task: the first message names it.
 */
export const protocolVersion = 1;

/** Where an engine is, as main found it; the trainer opens it. */
export const engineLocationSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('tensorflow'),
    /** Folder that holds libtensorflow_framework and libtensorflow_cc. */
    libraryDirectory: z.string(),
    /** `gpu` uses the first CUDA device and fails where there is none. */
    device: z.enum(['cpu', 'gpu']),
    /** Threads of one operation; null lets TensorFlow choose. */
    threads: z.int().positive().max(1024).nullable().default(null),
  }),
  z.strictObject({ kind: z.literal('javascript') }),
]);
export type EngineLocation = z.infer<typeof engineLocationSchema>;

export const trainTaskSchema = z.strictObject({
  type: z.literal('train'),
  runId: z.string(),
  document: runDocumentSchema,
  /** The lab's copy of the weights that the document names; null where the seed draws them. */
  initialWeights: z.string().nullable().optional(),
  /** Null where the architecture draws its own data. */
  datasetDirectory: z.string().nullable(),
  /** Checkpoints are written here; created where absent. */
  checkpointDirectory: z.string(),
  /** Checkpoint file to go on from; null starts from the seed. */
  resumeFrom: z.string().nullable(),
  engine: engineLocationSchema,
});
export type TrainTask = z.infer<typeof trainTaskSchema>;

export const describeTaskSchema = z.strictObject({ type: z.literal('describe'), engine: engineLocationSchema });

/** Trains a few steps of a fixed little network from fixed values and returns every loss. */
export const verifyTaskSchema = z.strictObject({ type: z.literal('verify'), engine: engineLocationSchema });

export const benchTaskSchema = z.strictObject({
  type: z.literal('bench'),
  engine: engineLocationSchema,
  document: runDocumentSchema,
  /** Timed steps a variant. */
  steps: z.int().positive().max(100_000),
});
export type BenchTask = z.infer<typeof benchTaskSchema>;

/** What can be found out about a trained network. */
export const analysisSchema = z.discriminatedUnion('kind', [
  /** Accuracy after fixing more and more random channels to their means. */
  z.strictObject({
    kind: z.literal('ablation'),
    /** Layers whose channels are fixed; all that can have a normalizer, or those named. */
    layers: z.union([z.literal('all'), z.array(z.string()).min(1)]).default('all'),
    /** Random orders in which channels are fixed. */
    orders: z.int().min(1).max(1000).default(3),
    seed: z.int().nonnegative().max(0xffff_ffff).default(1),
    /** Numbers of fixed channels that are evaluated, from none to all. */
    points: z.int().min(2).max(1000).default(11),
    /** Training images that means are taken over. */
    images: z.int().positive().default(1000),
  }),
  /** Evaluation with batch statistics taken anew over training images, in batches of the run's size. */
  z.strictObject({ kind: z.literal('reestimate'), images: z.int().positive().default(10_000) }),
  /** The network with its normalizers folded into kernels and biases against the network as it is. */
  z.strictObject({ kind: z.literal('fold') }),
  /** All diagnostics of layers and channels. */
  z.strictObject({ kind: z.literal('diagnostics'), images: z.int().min(2).max(10_000).default(500) }),
]);
export type Analysis = z.infer<typeof analysisSchema>;

export const analyzeTaskSchema = z.strictObject({
  type: z.literal('analyze'),
  engine: engineLocationSchema,
  document: runDocumentSchema,
  datasetDirectory: z.string(),
  /** Checkpoint file of the run. */
  checkpoint: z.string(),
  analysis: analysisSchema,
});
export type AnalyzeTask = z.infer<typeof analyzeTaskSchema>;

/** Writes the weights of a checkpoint to a file that other programs read. */
export const exportWeightsTaskSchema = z.strictObject({
  type: z.literal('exportWeights'),
  engine: engineLocationSchema,
  document: runDocumentSchema,
  checkpoint: z.string(),
  /** Fold batch normalization into kernels and biases. */
  folded: z.boolean(),
  format: z.enum(['safetensors', 'npz']),
  file: z.string(),
});
export type ExportWeightsTask = z.infer<typeof exportWeightsTaskSchema>;

/** Repeats reference runs from their folders. */
export const parityTaskSchema = z.strictObject({
  type: z.literal('parity'),
  engine: engineLocationSchema,
  directories: z.array(z.string()).min(1),
});
export type ParityTask = z.infer<typeof parityTaskSchema>;

/** Checks the loss and the gradient of methods with a fixed little network: see `methodVerification`. */
export const checkMethodsTaskSchema = z.strictObject({
  type: z.literal('checkMethods'),
  engine: engineLocationSchema,
  /** Ids of methods; null checks all. */
  methods: z.array(z.string()).nullable(),
});
export type CheckMethodsTask = z.infer<typeof checkMethodsTaskSchema>;

export const trainerTaskSchema = z.discriminatedUnion('type', [
  trainTaskSchema,
  describeTaskSchema,
  verifyTaskSchema,
  benchTaskSchema,
  parityTaskSchema,
  checkMethodsTaskSchema,
  analyzeTaskSchema,
  exportWeightsTaskSchema,
]);
export type TrainerTask = z.infer<typeof trainerTaskSchema>;

/** From main to the trainer. `stop`: write a checkpoint at the next step boundary, then finish. */
export const trainerCommandSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('task'), protocolVersion: z.int(), task: trainerTaskSchema }),
  z.strictObject({ type: z.literal('stop') }),
]);
export type TrainerCommand = z.infer<typeof trainerCommandSchema>;

export const engineDescriptionSchema = z.strictObject({
  kind: z.enum(['tensorflow', 'javascript']),
  /** For people: `TensorFlow 2.21.0 (CPU, 2 threads)`. */
  title: z.string(),
  version: z.string(),
  device: z.string(),
  deviceMemoryBytes: z.number().nullable(),
  threads: z.int().nullable(),
  /** Versions of what matters for reproducing a run: node, tensorflow, tfjs, cuda, … */
  versions: z.record(z.string(), z.string()),
  capabilities: z.strictObject({
    compiledSteps: z.boolean(),
    fusedOperations: z.boolean(),
    precisions: z.array(z.enum(['float32', 'bfloat16'])),
  }),
});
export type EngineDescription = z.infer<typeof engineDescriptionSchema>;

const float64Array = z.instanceof(Float64Array);

export const runProgressSchema = z.strictObject({
  step: z.int().nonnegative(),
  totalSteps: z.int().positive(),
  epoch: z.number().nonnegative(),
  trainLoss: z.number().nullable(),
  validationLoss: z.number().nullable(),
  validationAccuracy: z.number().nullable(),
  samplesPerSecond: z.number().nullable(),
  secondsLeft: z.number().nullable(),
  residentMemoryBytes: z.number().nullable(),
  tensorCount: z.int().nullable(),
});

export const runSummarySchema = z.strictObject({
  steps: z.int().nonnegative(),
  epochs: z.number().nonnegative(),
  trainLoss: z.number().nullable(),
  trainAccuracy: z.number().nullable(),
  validationLoss: z.number().nullable(),
  validationAccuracy: z.number().nullable(),
  bestValidationLoss: z.number().nullable(),
  bestValidationAccuracy: z.number().nullable(),
  samplesPerSecond: z.number().nullable(),
  durationSeconds: z.number().nonnegative(),
  peakMemoryBytes: z.number().nullable(),
  lastFiniteStep: z.int().nullable(),
});

export const benchRecordSchema = z.strictObject({
  engine: z.string(),
  mode: z.enum(['eager', 'compiled']),
  operations: z.enum(['composed', 'fused']),
  precision: z.enum(['float32', 'bfloat16']),
  architecture: z.string(),
  method: z.string(),
  batchSize: z.int(),
  steps: z.int(),
  samplesPerSecond: z.strictObject({ minimum: z.number(), median: z.number(), maximum: z.number() }),
  peakMemoryBytes: z.number(),
});
export type BenchRecord = z.infer<typeof benchRecordSchema>;

/** A number that may have become NaN or infinite. */
const measuredSchema = z.union([z.number(), z.nan(), z.literal(Infinity)]);

/** How far one reference run is from its repetition, in one way of computing. */
export const parityRecordSchema = z.strictObject({
  fixture: z.string(),
  engine: z.string(),
  mode: z.enum(['eager', 'compiled']),
  operations: z.enum(['composed', 'fused']),
  /** True where every error is within its tolerance. */
  ok: z.boolean(),
  exceeded: z.array(z.string()),
  steps: z.array(
    z.strictObject({
      step: z.int(),
      loss: measuredSchema,
      lossError: measuredSchema,
      penalty: measuredSchema,
      penaltyError: measuredSchema,
    }),
  ),
  /** Largest error of each kind, in the fixture's own measures. */
  errors: z.record(z.string(), measuredSchema),
  tolerances: z.record(z.string(), z.number()),
  /** Why it could not be run. */
  problem: z.string().nullable(),
});
export type ParityRecord = z.infer<typeof parityRecordSchema>;

/** Numbers of one check that may have failed to be a number: null then, so that they are JSON. */
const errorSchema = z.number().nullable();

/** How well an engine computes one method. */
export const methodCheckSchema = z.strictObject({
  /** Id of the method. */
  method: z.string(),
  /** What sets it apart from the method's other checks, in words. */
  variant: z.string().nullable(),
  ok: z.boolean(),
  /** What the gradient is the derivative of: the loss, or the loss with what the method takes as constant held. */
  derivativeOf: z.enum(['loss', 'lossWithConstants']),
  /** Each way in which the engine computes. */
  executions: z.array(
    z.strictObject({
      mode: z.enum(['eager', 'compiled']),
      operations: z.enum(['composed', 'fused']),
      /** Largest relative error of a directional derivative, and of which parameter. */
      gradientError: errorSchema,
      worstParameter: z.string(),
      /** Largest difference of a loss from the stored ones. */
      lossError: errorSchema,
      /** Whether the same step twice gives the same bits. */
      sameBits: z.boolean(),
    }),
  ),
  /** Directional derivatives compared, of each way in which the engine computes. */
  directions: z.int().nonnegative(),
  gradientTolerance: z.number(),
  /** Null where no losses are stored. */
  lossTolerance: z.number().nullable(),
  seconds: z.number(),
  /** Why it could not be checked. */
  problem: z.string().nullable(),
});
export type MethodCheck = z.infer<typeof methodCheckSchema>;

const evaluationSchema = z.strictObject({ loss: measuredSchema, accuracy: z.number() });

/** What an analysis found. */
export const analysisResultSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('ablation'),
    layers: z.array(z.string()),
    channels: z.int(),
    /** Validation images. */
    images: z.int(),
    curve: z.array(
      z.strictObject({
        /** Channels that are fixed to their means. */
        fixed: z.int(),
        meanAccuracy: z.number(),
        /** Of each order. */
        accuracies: z.array(z.number()),
      }),
    ),
    /** Under the curve of mean accuracy over the share of fixed channels, by trapezoids. */
    area: z.number(),
  }),
  z.strictObject({
    kind: z.literal('reestimate'),
    /** Training images that were used: whole batches. */
    images: z.int(),
    before: evaluationSchema,
    after: evaluationSchema,
    /** How far the running statistics were from the new ones, in units of σ; mean over channels. */
    layers: z.array(z.strictObject({ name: z.string(), meanDrift: measuredSchema, deviationDrift: measuredSchema })),
  }),
  z.strictObject({
    kind: z.literal('fold'),
    /** Validation images. */
    images: z.int(),
    largestLogitDifference: measuredSchema,
    largestLogit: measuredSchema,
    before: evaluationSchema,
    after: evaluationSchema,
  }),
  z.strictObject({
    kind: z.literal('diagnostics'),
    images: z.int(),
    /** By quantity and layer: `kernelNorm/conv1`. */
    layers: z.record(z.string(), measuredSchema),
    channels: z.record(z.string(), float64Array),
  }),
]);
export type AnalysisResult = z.infer<typeof analysisResultSchema>;

/** From the trainer to main. */
export const trainerMessageSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready'), protocolVersion: z.int(), pid: z.int() }),
  z.strictObject({
    type: z.literal('prepared'),
    engine: engineDescriptionSchema,
    parameterCount: z.int(),
    stepsPerEpoch: z.int(),
    totalSteps: z.int(),
    /** Step at which training goes on; metrics after it are to be discarded. */
    startStep: z.int().nonnegative(),
    layers: z.array(z.string()),
  }),
  /** Points since the last message, at most about ten messages a second. */
  z.strictObject({
    type: z.literal('metrics'),
    series: z.record(z.string(), z.strictObject({ steps: float64Array, values: float64Array })),
    progress: runProgressSchema,
  }),
  z.strictObject({ type: z.literal('checkpoint'), step: z.int(), file: z.string(), bytes: z.int() }),
  z.strictObject({ type: z.literal('log'), level: z.enum(['info', 'warning', 'error']), text: z.string() }),
  z.strictObject({
    type: z.literal('finished'),
    outcome: z.enum(['done', 'stopped', 'diverged']),
    summary: runSummarySchema,
  }),
  z.strictObject({ type: z.literal('described'), engine: engineDescriptionSchema, residentMemoryBytes: z.number() }),
  z.strictObject({
    type: z.literal('verified'),
    engine: engineDescriptionSchema,
    /** Losses of each step: compiled where the engine can, and eager. */
    losses: z.record(z.string(), z.array(z.number())),
  }),
  z.strictObject({ type: z.literal('bench'), records: z.array(benchRecordSchema) }),
  z.strictObject({ type: z.literal('parity'), records: z.array(parityRecordSchema) }),
  /** One more of `total` methods is checked. */
  z.strictObject({ type: z.literal('methodChecked'), check: methodCheckSchema, done: z.int(), total: z.int() }),
  z.strictObject({
    type: z.literal('methodsChecked'),
    engine: engineDescriptionSchema,
    checks: z.array(methodCheckSchema),
  }),
  z.strictObject({ type: z.literal('analyzed'), step: z.int(), engine: z.string(), result: analysisResultSchema }),
  z.strictObject({ type: z.literal('exported'), step: z.int(), file: z.string(), bytes: z.int() }),
  z.strictObject({
    type: z.literal('failed'),
    error: z.strictObject({
      code: z.enum(labErrorCodes),
      message: z.string(),
      hint: z.string(),
      cause: z.string().optional(),
    }),
  }),
]);
export type TrainerMessage = z.infer<typeof trainerMessageSchema>;
