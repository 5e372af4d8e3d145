import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import type { Command } from 'commander';
import { writeFileAtomically } from '#files/atomicWrite.ts';
import { presetExperiment } from '#shared/domain/presets.ts';
import type { Lab } from '../lab.ts';
import type { ExperimentRecord, RunRecord } from '../store/store.ts';
import { appVersion } from '../runs/environment.ts';
import type { CommandContext } from './context.ts';
import { describeRunCurves, formatRunTable, summarizeRun } from './runTables.ts';
import { ensureExampleData, trainExperiment } from './train.ts';

export function addStartCommand(program: Command, context: CommandContext): void {
  program
    .command('start')
    .description('Train the quickstart experiment and draw its curves.')
    .action(() => start(context));
}

async function start(context: CommandContext): Promise<void> {
  const document = presetExperiment('quickstart');
  await context.withLab(async (lab) => {
    await ensureExampleData(context, lab, document);
    const { experiment, runs } = await trainExperiment(context, lab, document);
    const figure = await writeCurves(lab, experiment, runs);
    context.output.result(
      {
        type: 'result',
        experiment: { id: experiment.id, name: experiment.name },
        runs: runs.map(summarizeRun),
        figure,
      },
      `${formatRunTable(runs)}\n\nCurves: ${figure}`,
    );
  });
}

async function writeCurves(lab: Lab, experiment: ExperimentRecord, runs: readonly RunRecord[]): Promise<string> {
  // Loaded late: drawing is not needed before there is something to draw.
  const { renderSvg } = await import('../figures/svg.ts');
  const directory = join(lab.directory, 'exports');
  await mkdir(directory, { recursive: true });
  const file = join(directory, `quickstart-${experiment.id}.svg`);
  const chart = describeRunCurves(experiment.name, runs, lab.metrics);
  await writeFileAtomically(file, renderSvg(chart, { generator: `NormLab ${appVersion()}` }));
  return file;
}
