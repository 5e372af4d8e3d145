import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'vitest';
import type { Engine } from '#trainer/engines/engine.ts';
import { outputAndGradients } from './operations.conformance.ts';
import { expectClose, input, runOnce, stepVariants, type InputValues, vectorInput } from './stepTools.ts';

interface Array64 {
  shape: number[];
  data: number[];
}

interface GradientCase {
  name: string;
  normalizer: string;
  mode: 'train' | 'eval';
  options: { epsilon: number };
  inputs: Record<'x' | 'gamma' | 'beta', Array64>;
  upstream: Array64;
  output: Array64;
  gradients: Record<'x' | 'gamma' | 'beta', Array64>;
  float32Tolerance: number;
}

/** Float64 values made with another library, beside the repository or where `NORMLAB_PARITY` says. */
const file = path.join(
  process.env['NORMLAB_PARITY'] ?? path.join(import.meta.dirname, '../../../shared/parity'),
  'gradients.json',
);

/** Batch normalization against the parity fixture. */
export function describeParity(engine: () => Engine): void {
  describe.runIf(existsSync(file))('with the parity fixture gradients.json', () => {
    const { cases } = existsSync(file)
      ? (JSON.parse(readFileSync(file, 'utf8')) as { cases: GradientCase[] })
      : { cases: [] };
    const batchNormCases = cases.filter(
      ({ normalizer, mode, inputs }) => normalizer === 'batchNorm' && mode === 'train' && !('weight' in inputs),
    );
    it.each(batchNormCases.map((fixture) => [fixture.name, fixture] as const))('%s', (_name, fixture) => {
      const toInput = ({ shape, data }: Array64): InputValues => ({ shape, values: data });
      for (const variant of stepVariants) {
        const results = runOnce(
          engine(),
          variant,
          {
            x: toInput(fixture.inputs.x),
            gamma: toInput(fixture.inputs.gamma),
            beta: toInput(fixture.inputs.beta),
            upstream: toInput(fixture.upstream),
          },
          outputAndGradients(
            ['x', 'gamma', 'beta'],
            (all, operations) =>
              operations.batchNormTraining(
                input(all, 'x'),
                vectorInput(all, 'gamma'),
                vectorInput(all, 'beta'),
                fixture.options.epsilon,
              ).output,
          ),
        );
        expectClose(results['output'], fixture.output.data, fixture.float32Tolerance);
        for (const [name, { data }] of Object.entries(fixture.gradients)) {
          expectClose(results[`gradient/${name}`], data, fixture.float32Tolerance);
        }
      }
    });
  });
}
