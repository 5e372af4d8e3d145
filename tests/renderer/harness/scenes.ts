import { presetExperiment } from '#shared/domain/presets.ts';
import type { FakeLab } from '../fakeLab.ts';

const minute = 60_000;
const base = presetExperiment('quickstart').base;

/** Fills a fake lab for looking at it. */
export function fillLab(lab: FakeLab, scene: string): void {
  if (scene === 'empty') return;
  if (scene === 'many') {
    for (let index = 0; index < 400; index += 1) {
      const experiment = lab.add(
        { ...presetExperiment('quickstart'), name: `Sweep ${index}` },
        { ageMs: index * 31 * minute },
      );
      lab.finish(experiment);
    }
    return;
  }
  const seeds = lab.add(
    {
      name: 'Batch size and normalization over five seeds',
      base,
      vary: [
        { key: 'method', values: ['batchNorm', 'none'] },
        { key: 'batchSize', values: [64, 128, 256] },
      ],
      seeds: [1, 2, 3, 4, 5],
    },
    { ageMs: 26 * 60 * minute },
  );
  lab.finish(seeds);
  const long = lab.add(
    {
      name: 'Long run, 60 000 steps',
      base: { ...base, length: { unit: 'steps', value: 60_000 } },
      vary: [{ key: 'method', values: ['batchNorm', 'none'] }],
      seeds: [1],
    },
    { ageMs: 9 * 60 * minute },
  );
  lab.finish(long);
  const diverging = lab.add(
    {
      name: 'Learning rate 1.6 without normalization',
      base: { ...base, optimizer: { id: 'sgd', learningRate: 1.6 } },
      vary: [{ key: 'method', values: ['batchNorm', 'none'] }],
      seeds: [1],
    },
    { ageMs: 3 * 60 * minute, divergesAt: (run) => (run.method.id === 'none' ? 130 : null) },
  );
  lab.finish(diverging);
  const running = lab.add(presetExperiment('quickstart'), { ageMs: minute });
  const [first, second] = running.runs;
  if (first) lab.moveTo(first, first.totalSteps);
  if (second) lab.moveTo(second, 190);
  if (scene === 'damaged' && first) lab.damagedRuns.add(first.item.id);
  if (scene === 'fullDisk') {
    lab.warnings = [
      {
        code: 'diskFull',
        message:
          'The disk of the lab will soon be full: 1.2 GB are free; the 24 runs in the queue will write about 3.1 GB of checkpoints.',
        hint: 'Free some space on the disk of /home/ada/normlab: delete experiments that are not needed any more, or take runs out of the queue.',
      },
    ];
  }
}
