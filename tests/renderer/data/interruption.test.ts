import { expect, it } from 'vitest';
import { describeInterruption } from '../../../src/renderer/data/interruption.ts';

it('says what trained, that nothing is lost, and what waits still', () => {
  expect(describeInterruption(['Weekend'], 1, 0)).toEqual({
    message: 'A run was training when NormLab or the machine ended without warning: “Weekend”.',
    hint: 'It can go on from its last checkpoint to the same result.',
  });
  const many = describeInterruption(['A', 'B', 'C', 'D', 'E'], 5, 3);
  expect(many.message).toBe(
    '5 runs were training when NormLab or the machine ended without warning: “A”, “B”, “C”, 2 more.',
  );
  expect(many.hint).toBe(
    'They can go on from their last checkpoint to the same result. 3 runs that waited are still there.',
  );
  expect(describeInterruption(['A'], 1, 1).hint).toContain('1 run that waited is still there.');
});
