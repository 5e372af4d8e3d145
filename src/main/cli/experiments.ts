import type { Command } from 'commander';
import type { LabClient, RunOverview } from '#shared/contract.ts';
import { runStates } from '#shared/domain/runState.ts';
import { LabError } from '#shared/errors.ts';
import type { CommandContext } from './context.ts';
import { parseSeeds } from './experimentFromOptions.ts';
import { formatTable } from './format.ts';
import { trainAndReport } from './trainRuns.ts';

/** `lab experiments`: what was compared, and more seeds for it. */
export function addExperimentCommands(program: Command, context: CommandContext): void {
  const experiments = program.command('experiments').description('The experiments of a lab.');
  experiments
    .command('list', { isDefault: true })
    .description('all experiments, oldest first')
    .action(() => listExperiments(context));
  experiments
    .command('add-seeds')
    .description('train everything that an experiment compares under more seeds, for narrower intervals')
    .argument('<id>', 'id of the experiment or of one of its runs, or its beginning')
    .requiredOption('--seeds <4,5>', 'seeds; those that were trained before are not trained again')
    .action((id: string, { seeds }: { seeds: string }) => addSeeds(context, id, parseSeeds(seeds)));
}

async function listExperiments(context: CommandContext): Promise<void> {
  await context.withReader(async (reader) => {
    const byExperiment = Map.groupBy(await reader.invoke('runs.find', {}), (run) => run.experimentId);
    const experiments = [...byExperiment].map(([id, runs]) => ({
      id,
      name: runs[0]?.experimentName ?? '',
      labels: [...new Set(runs.map((run) => run.label))],
      seeds: [...new Set(runs.map((run) => run.seed))],
      runs: runs.length,
      states: countStates(runs),
    }));
    if (experiments.length === 0) {
      context.output.note(`No experiment yet. Train one: ${context.commandLine('train --preset quickstart')}`);
    }
    const table = formatTable(experiments, [
      { title: 'experiment', value: ({ id }) => id },
      { title: 'name', value: ({ name }) => name },
      { title: 'compared', value: ({ labels }) => String(labels.length), align: 'right' },
      { title: 'seeds', value: ({ seeds }) => String(seeds.length), align: 'right' },
      { title: 'runs', value: ({ runs }) => String(runs), align: 'right' },
      {
        title: 'states',
        value: ({ states }) =>
          Object.entries(states)
            .map(([state, count]) => `${count} ${state}`)
            .join(', '),
      },
    ]);
    context.output.result(experiments, experiments.length === 0 ? '' : table);
  });
}

/** How many runs are in each of the states that occur. */
function countStates(runs: readonly RunOverview[]): Record<string, number> {
  const counts = runStates.map((state) => [state, runs.filter((run) => run.state === state).length] as const);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

/** @throws LabError `notFound`. */
async function findExperiment(client: LabClient, id: string): Promise<string> {
  const ids = new Set((await client.invoke('runs.find', { ids: [id] })).map((run) => run.experimentId));
  const [only] = ids;
  if (only !== undefined && ids.size === 1) return only;
  throw new LabError('notFound', `“${id}” names no experiment that has runs.`, 'List them with `experiments list`.');
}

async function addSeeds(context: CommandContext, id: string, seeds: number[]): Promise<void> {
  await context.withLab(
    async (session) => {
      const { client } = session;
      const added = await client.invoke('experiments.addSeeds', { id: await findExperiment(client, id), seeds });
      const { id: experimentId, name, runs } = added.experiment;
      const asked = runs.filter((run) => added.runIds.includes(run.id));
      context.output.event({
        type: 'experiment',
        id: experimentId,
        name,
        added: added.added,
        runs: asked.map((run) => ({ id: run.id, label: run.label, seed: run.seed })),
      });
      if (!context.output.json) {
        const count = `${added.added} new ${added.added === 1 ? 'run' : 'runs'}`;
        context.output.note(`${name}: ${count}, experiment ${experimentId}`);
      }
      await trainAndReport(context, session, added.runIds, {
        resumeId: added.runIds.join(' '),
        goOn: context.commandLine(`experiments add-seeds ${experimentId} --seeds ${seeds.join()}`),
        facts: { experiment: { id: experimentId, name } },
      });
    },
    { hosts: true },
  );
}
