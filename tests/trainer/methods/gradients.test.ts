import { tensor1d } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEngine } from '#trainer/engines/openEngine.ts';
import type { Engine } from '#trainer/engines/engine.ts';
import { combineZeta, noiseOfBatch, sigmoidCurvature } from '#trainer/methods/gammaDecay.ts';
import { scaleAndShift, standardizeBatch } from '#trainer/methods/statistics.ts';
import { expectClose, input, runOnce, stepVariants } from '../../conformance/stepTools.ts';
import { testEngines } from '../../engines.ts';
import { cases, hasGradientCases, stepBody, stepInputs, zetaCases } from './gradientCases.ts';

for (const { name, location } of testEngines) {
  describe.runIf(location && hasGradientCases)(`on ${name} (where it and gradients.json are there)`, () => {
    let engine: Engine;
    beforeAll(async () => {
      if (location) engine = await openEngine(location);
    });
    afterAll(() => engine.dispose());
    // What cannot be compiled or fused would only repeat the first.
    const variants = name === 'javascript' ? stepVariants.slice(0, 1) : stepVariants;

    describe('output, statistics and gradients', () => {
      it.each(cases.map((fixture) => [fixture.name, fixture] as const))('%s', (_name, fixture) => {
        for (const variant of variants) {
          const results = runOnce(engine, variant, stepInputs(fixture), stepBody(fixture));
          const tolerance = fixture.float32Tolerance;
          expectClose(results['output'], fixture.output.data, tolerance);
          for (const [gradient, { data }] of Object.entries(fixture.gradients)) {
            expectClose(results[`gradient/${gradient}`], data, tolerance);
          }
          for (const [statistic, { data }] of Object.entries(fixture.stateAfter ?? {})) {
            expectClose(results[`state/${statistic}`], data, tolerance);
          }
        }
        expect(engine.memory().tensorCount).toBe(0);
      });
    });

    // The third noise model of the file, M·H·W independent values, is no option: it is far off.
    describe('ζ of gamma decay', () => {
      const offered = zetaCases.filter(({ noise }) => noise !== 'paperMHW');
      it.each(offered.map((zetaCase) => [`${zetaCase.noise}, [${zetaCase.x.shape.join()}]`, zetaCase] as const))(
        '%s',
        (_name, { noise, targetBatchSize, epsilon, x, gamma, beta, zeta, penalty, ...variances }) => {
          for (const variant of variants) {
            const results = runOnce(
              engine,
              variant,
              { x: { shape: x.shape, values: x.data } },
              (inputs, operations) => {
                const { output: z } = standardizeBatch(input(inputs, 'x'), epsilon, operations);
                const preactivation = scaleAndShift(z, { gamma: tensor1d(gamma), beta: tensor1d(beta) });
                if (noise === 'paperMHW') throw new Error('no option');
                const ofBatch = noiseOfBatch(z, { noise, targetBatchSize, skewCorrection: false });
                return {
                  zeta: combineZeta(ofBatch, sigmoidCurvature(z, preactivation)),
                  meanNoise: ofBatch.mean,
                  deviationNoise: ofBatch.deviation,
                };
              },
            );
            const found = Array.from(results['zeta'] ?? []);
            for (const [values, reference] of [
              [found, zeta],
              [Array.from(results['meanNoise'] ?? []), variances.v_mu],
              [Array.from(results['deviationNoise'] ?? []), variances.v_sigma],
              [[found.reduce((sum, value, channel) => sum + value * (gamma[channel] ?? NaN) ** 2, 0)], [penalty]],
            ] as const) {
              expect(values).toHaveLength(reference.length);
              values.forEach((value, index) =>
                expect(Math.abs(value / (reference[index] ?? NaN) - 1)).toBeLessThan(2e-5),
              );
            }
          }
        },
      );
    });
  });
}
