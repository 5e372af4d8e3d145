import type { NetworkLayer } from './architecture.ts';
import { engineVerification } from './engineVerification.ts';
import { methodIds, type MethodId } from './methods/index.ts';

/** One way in which a method is checked. */
export interface MethodCase {
  method: { id: MethodId } & Readonly<Record<string, unknown>>;
  /** What sets it apart from the method's other cases, in words. */
  variant: string | null;
  /** Share of values that dropout after every normalizer drops; none where it is absent. */
  dropoutRatio?: number;
  /** Loss with penalty of each step before its update, then the evaluation loss; null where none are stored. */
  losses: readonly number[] | null;
}

const layer = { normalizable: true, activation: 'none' } as const;
const convolution = { ...layer, type: 'convolution', kernelSize: 3, channels: 4, stride: 1, padding: 'same' } as const;

const storedCases: readonly MethodCase[] = [
  {
    method: { id: 'none' },
    variant: null,
    losses: [1.748437909075416, 1.168767075048248, 2.575377802174855, 1.7523962497971972, 1.2900859706560315],
  },
  {
    method: { id: 'batchNorm' },
    variant: null,
    losses: [1.9119218888457798, 1.514049411416604, 1.4479522564054446, 1.270073798119317, 1.0620897162370821],
  },
  { method: { id: 'batchNorm' }, variant: 'with dropout', dropoutRatio: 0.25, losses: null },
  {
    method: { id: 'populationNorm', images: 20 },
    variant: null,
    losses: [2.056274568478682, 1.6743881576983366, 1.493347758821122, 1.217638206681835, 1.0493032541382878],
  },
  {
    method: { id: 'populationNorm', images: 20, backward: 'stopGradient' },
    variant: 'statistics constant',
    losses: [2.056274568478682, 1.7093974096039846, 1.457846912447635, 1.2362716281209034, 1.088239814655994],
  },
  {
    method: { id: 'populationNormGammaDecay', images: 20, targetBatchSize: 4 },
    variant: null,
    losses: [2.850512017770355, 2.4425885584978806, 2.212192016242342, 1.890108245538888, 1.063830050455712],
  },
  {
    method: { id: 'populationNormGammaDecay', images: 20, targetBatchSize: 4, noise: 'paperM' },
    variant: 'the paper’s noise',
    losses: [3.1978086939551513, 2.7823006963291324, 2.5372856841977054, 2.1977109448780405, 1.063792555340477],
  },
  {
    method: { id: 'weightNorm', gammaDecay: 0.01 },
    variant: 'with gamma decay',
    losses: [1.723324312110528, 1.2854913433457358, 1.913810532121392, 1.5305368480048709, 1.1567476225493964],
  },
  {
    method: { id: 'weightNormMeanOnlyBatchNorm' },
    variant: null,
    losses: [1.6442610961201187, 1.5407659565474425, 1.4134781304631574, 1.3223860229151108, 1.1413531728842568],
  },
  {
    method: { id: 'weightNormVarianceOnlyBatchNorm' },
    variant: null,
    losses: [2.045222052498689, 1.3723702476110113, 2.165939529997639, 1.5808942781588335, 1.3758874766321547],
  },
  {
    method: { id: 'layerNorm' },
    variant: null,
    losses: [1.7172368187031508, 1.13762832664376, 1.6002065586235883, 1.2676200607142198, 1.172548351915054],
  },
  {
    method: { id: 'instanceNorm' },
    variant: null,
    losses: [1.7880583538059405, 1.3238674225942102, 1.801550309634796, 1.4871541117023925, 1.2338823314505944],
  },
  {
    method: { id: 'groupNorm', groups: 2 },
    variant: null,
    losses: [1.7780223414151728, 1.27321019199328, 1.5757052693731695, 1.370705611191851, 1.2323844638447863],
  },
  {
    method: { id: 'switchableNorm' },
    variant: null,
    losses: [1.8203178212394313, 1.15607434453811, 1.4579838589558904, 1.3653925675523149, 1.7212531423288955],
  },
  {
    method: { id: 'ghostBatchNorm', ghostSize: 6 },
    variant: null,
    losses: [1.9601166667940508, 1.4949084386325384, 1.5128311855860002, 1.335504670858319, 1.1677976127167342],
  },
  {
    method: { id: 'batchRenorm', rMax: 1.5, dMax: 0.5 },
    variant: null,
    losses: [1.7492933333103395, 1.5120869726260415, 1.434154715258959, 1.217248597558393, 1.0817822064818057],
  },
  {
    method: { id: 'filterResponseNorm' },
    variant: null,
    losses: [1.6844329303359467, 1.1704301253389136, 1.513659611028807, 1.337195970162644, 1.1777382389570703],
  },
  {
    method: { id: 'weightStandardization', groups: 2 },
    variant: null,
    losses: [1.9726478293586809, 1.5907700233335034, 1.364848573379152, 1.1266564407910609, 1.005842845064536],
  },
  {
    method: { id: 'noiseSeparatedBatchNorm', images: 20 },
    variant: 'noise of the mean',
    losses: [1.7873327902786926, 1.6092823231083866, 1.6327706202656334, 1.312137647883082, 1.0137632672766645],
  },
  {
    method: { id: 'noiseSeparatedBatchNorm', images: 20, mean: 'population', deviation: 'batch' },
    variant: 'noise of the deviation',
    losses: [2.3369229609198365, 1.541739752062587, 1.3035467490481376, 1.1948909665233778, 1.034848488872774],
  },
];

/**
 * How an engine shows that it computes every method as it should: a few training steps from fixed
 * values, compared with losses that an independent program computed in float64 by automatic gradients
 * of its own (tests/trainer/methodReference.py), and gradients compared with finite differences.
 */
export const methodVerification = {
  image: engineVerification.image,
  classCount: engineVerification.classCount,
  seed: engineVerification.seed,
  batchSize: 12,
  /** Images that population statistics are taken from, before every step and before the evaluation. */
  populationSize: 20,
  steps: 4,
  learningRate: 0.05,
  momentum: 0.9,
  /** Streams of `seed`: pixels, standard normals; labels, integers; and standard normals n of every other parameter. */
  imageStream: (step: number): string => `method/images/${step}`,
  labelStream: (step: number): string => `method/labels/${step}`,
  populationStream: 'method/population',
  parameterStream: (name: string): string => `method/initial/${name}`,
  /** Value of a parameter that is no kernel: γ = 1 + 0.2n, others 0.3n, so that none is where it stands for nothing. */
  parameterValue: (name: string, normal: number): number => (name.endsWith('/gamma') ? 1 + 0.2 * normal : 0.3 * normal),
  /** The network that trains: with ReLU and pooling. */
  trainingLayers: engineVerification.layers,
  /** Largest difference of a loss: above rounding in float32, far below any mistake. */
  lossTolerance: 2e-5,
  /**
   * The network that gradients are checked in: without ReLU and pooling, since a finite difference across
   * their kinks is no derivative. The steps above check them.
   */
  differencedLayers: [
    { ...convolution, name: 'conv1' },
    { ...convolution, name: 'conv2' },
    { type: 'flatten' },
    { ...layer, type: 'dense', name: 'fc1', channels: 8 },
    { ...layer, type: 'dense', name: 'fc2', channels: engineVerification.classCount, normalizable: false },
  ] satisfies NetworkLayer[],
  /**
   * Largest relative error of a directional derivative: rounding of the loss in float32, about 2·10⁻⁷,
   * divided by the distance moved, gives 10⁻⁵, which is a few 10⁻⁴ of the smallest gradients.
   */
  gradientTolerance: 1e-3,
  /** Every method at least once; one without a case of its own with its default settings. */
  cases: [
    ...storedCases,
    ...methodIds
      .filter((id) => storedCases.every(({ method }) => method.id !== id))
      .map((id): MethodCase => ({ method: { id }, variant: null, losses: null })),
  ] as readonly MethodCase[],
} as const;
