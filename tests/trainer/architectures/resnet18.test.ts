import { tensor } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageShape } from '#shared/domain/architecture.ts';
import { architectureLayers, architectureSchema } from '#shared/domain/architectures/index.ts';
import type { Engine } from '#trainer/engines/engine.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { createNetwork } from '#trainer/network.ts';
import { createOptimizer } from '#trainer/optimizer.ts';
import { advanceState, createInitialState, uploadState } from '#trainer/state.ts';
import { statePrefixes } from '#trainer/steps/inputs.ts';
import { createTrainingStep } from '#trainer/steps/training.ts';
import { createGradientStep, gradientPrefix } from '#trainer/steps/gradients.ts';
import { disposeAll, readScalar, requireTensor, toScalars } from '#trainer/tensors.ts';
import { stepVariants, variantTitle } from '../../conformance/stepTools.ts';
import { testEngines } from '../../engines.ts';

/** Of resnet18Reference.py, in float64: loss, number of parameters, and derivatives with respect to single values. */
const referenceLoss = 1.674259541978341;
const referenceParameters = 44_391;
const referenceDerivatives: [parameter: string, index: number, derivative: number][] = [
  ['conv1/kernel', 5, -2.245940652345624],
  ['conv1/gamma', 1, -16.453571752284013],
  ['stage1-block1-conv1/kernel', 17, -1.6291239821608627],
  ['stage1-block2-conv2/beta', 3, -3.5652518446394055],
  ['stage2-block1-conv1/kernel', 40, 2.23206190308467],
  ['stage2-block1-shortcut/kernel', 9, 4.777531863009443],
  ['stage2-block1-shortcut/gamma', 2, -9.678653727807074],
  ['stage3-block1-conv2/kernel', 1000, 12.454289617269687],
  ['stage3-block2-conv1/gamma', 7, 5.106200869908761],
  ['stage4-block1-shortcut/beta', 11, -0.09216175933524084],
  ['stage4-block2-conv2/kernel', 4321, -0.01613605837835763],
  ['fc1/kernel', 50, -0.33862129056316803],
  ['fc1/bias', 1, 0.10794416294146458],
];

const image: ImageShape = [8, 8, 3];
const batchSize = 4;
const layers = architectureLayers(architectureSchema.parse({ id: 'resnet18', widthMultiplier: 1 / 16 }), image, 3);
const network = createNetwork(layers, image, { id: 'batchNorm', epsilon: 1e-5, runningMomentum: 0.9 }, 'all');
const optimizer = createOptimizer({ id: 'sgd', momentum: 0.9, weightDecay: 0 });

/** The values that resnet18Reference.py gives the k-th parameter: first + scale·cos(1.7·i + k). */
function setReferenceValues(state: ReturnType<typeof createInitialState>): void {
  Object.entries(network.variables.parameters).forEach(([name, { shape }], k) => {
    const fanIn = shape.slice(0, -1).reduce((product, length) => product * length, 1);
    const [first, scale] = name.endsWith('/kernel')
      ? [0, Math.sqrt(4 / fanIn)]
      : name.endsWith('/gamma')
        ? [1, 0.3]
        : [0, 0.2];
    const values = state[statePrefixes.parameters + name]?.values;
    values?.forEach((_, index) => (values[index] = first + scale * Math.cos(1.7 * index + k)));
  });
}

for (const { name, location } of testEngines) {
  describe.runIf(location)(`ResNet-18 on ${name}${location === null ? ' (not on this machine)' : ''}`, () => {
    let engine: Engine;
    beforeAll(async () => {
      if (location) engine = await openEngine(location);
    });
    afterAll(() => engine.dispose());
    // What cannot be compiled or fused would only repeat the first.
    const variants = name === 'javascript' ? stepVariants.slice(0, 1) : stepVariants;

    it('has the loss and the gradients of another program, and learns', () => {
      const initial = createInitialState(network, 1, optimizer);
      setReferenceValues(initial);
      const pixels = Float32Array.from({ length: batchSize * 8 * 8 * 3 }, (_, index) => Math.sin(0.9 * index ** 1.1));
      const parameters = Object.values(network.variables.parameters);
      expect(parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)).toBe(
        referenceParameters,
      );
      for (const variant of variants) {
        const execution = { ...variant, precision: 'float32' as const };
        let state = uploadState(initial);
        const batch = {
          images: tensor(pixels, [batchSize, ...image]),
          labels: tensor([0, 2, 1, 2], [batchSize], 'int32'),
        };
        const gradientStep = createGradientStep(engine, network, image, batchSize, execution);
        const gradients = gradientStep.run({ ...state, ...batch });
        for (const [parameter, index, expected] of referenceDerivatives) {
          const found = requireTensor(gradients, gradientPrefix + parameter).dataSync()[index] ?? NaN;
          expect(Math.abs(found - expected), `${variantTitle(variant)}: ${parameter}[${index}]`).toBeLessThan(
            1e-3 * Math.max(1, Math.abs(expected)),
          );
        }
        const step = createTrainingStep(engine, network, image, batchSize, optimizer, execution);
        const losses = Array.from({ length: 5 }, (_, index) => {
          const scalars = toScalars(optimizer.scalars(index, 0.01));
          const results = step.run({ ...state, ...batch, ...scalars });
          const loss = readScalar(results, 'loss');
          state = advanceState(state, results);
          disposeAll(scalars);
          return loss;
        });
        expect(losses[0], variantTitle(variant)).toBeCloseTo(referenceLoss, 4);
        expect(losses[4]).toBeLessThan(0.5 * referenceLoss);
        for (const record of [gradients, batch, state]) disposeAll(record);
        gradientStep.dispose();
        step.dispose();
      }
      expect(engine.memory().tensorCount).toBe(0);
    });
  });
}
