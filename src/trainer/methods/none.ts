import { requireTensor } from '../tensors.ts';
import type { LayerMethod, MethodLayer } from './method.ts';
import { addToChannels } from './statistics.ts';

/**
 * No normalization: out = h + b, h = wᵀx, bias b [C].
 *
 * Also the computation of every layer that another method leaves alone.
 */
export function createNone({ kernelShape, fanIn, layer }: MethodLayer): LayerMethod {
  const forward: LayerMethod['forwardEvaluation'] = ({ linear, parameters }) =>
    addToChannels(linear(requireTensor(parameters, 'kernel')), requireTensor(parameters, 'bias'));
  return {
    variables: {
      parameters: {
        kernel: { shape: kernelShape, initial: { kind: 'heNormal', fanIn } },
        bias: { shape: [layer.channels], initial: { kind: 'constant', value: 0 } },
      },
      statistics: {},
    },
    forwardTraining: (inputs) => ({ output: forward(inputs) }),
    forwardEvaluation: forward,
    logs: () => ({}),
  };
}
