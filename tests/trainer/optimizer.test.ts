import { scalar, tensor, type Rank } from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { updateParameters } from '#trainer/optimizer.ts';

it('updates by SGD with momentum: v ← m·v + g, w ← w − lr·v', async () => {
  const engine = await openEngine({ kind: 'javascript' });
  let state = { parameters: { w: tensor<Rank>([1, -2]) }, slots: { 'momentum/w': tensor<Rank>([0, 4]) } };
  // By hand: v = 0.5·[0, 4] + [2, 1] = [2, 3], w = [1, −2] − 0.25·v = [0.5, −2.75];
  // then v = [1, 1.5] + [2, 1] = [3, 2.5], w = [0.5, −2.75] − 0.25·v = [−0.25, −3.375].
  for (const expected of [
    { w: [0.5, -2.75], v: [2, 3] },
    { w: [-0.25, -3.375], v: [3, 2.5] },
  ]) {
    state = updateParameters(state, { w: tensor([2, 1]) }, scalar(0.25), 0.5) as typeof state;
    expect({ w: [...state.parameters.w.dataSync()], v: [...state.slots['momentum/w'].dataSync()] }).toEqual(expected);
  }
  engine.dispose();
});
