import { Argument, type Command } from 'commander';
import type { LabClient, QueueState } from '#shared/contract.ts';
import { queueMoves, runPriorities, type QueueMove, type RunPriority } from '#shared/domain/queue.ts';
import { LabError } from '#shared/errors.ts';
import type { CommandContext } from './context.ts';

/** `lab queue`: what waits, in which order, and whether it goes on. */
export function addQueueCommands(program: Command, context: CommandContext): void {
  const queue = program.command('queue').description('The runs that wait for their turn.');
  queue
    .command('list', { isDefault: true })
    .description('what trains and waits, in its order')
    .action(() => change(context, (client) => client.invoke('queue.get', {})));
  queue
    .command('pause')
    .description('start nothing new; what trains goes on to its end')
    .action(() => change(context, (client) => client.invoke('queue.set', { paused: true })));
  queue
    .command('resume')
    .description('let the queue go on')
    .action(() => change(context, (client) => client.invoke('queue.set', { paused: false })));
  queue
    .command('move')
    .description('move a waiting run among those of its priority')
    .argument('<run>')
    .addArgument(new Argument('<where>').choices(queueMoves))
    .action((run: string, to: QueueMove) =>
      change(context, async (client) => client.invoke('queue.move', { id: await findOne(client, run), to })),
    );
  queue
    .command('priority')
    .description('let a waiting run start before or after the others')
    .argument('<run>')
    .addArgument(new Argument('<priority>').choices(runPriorities))
    .action((run: string, priority: RunPriority) =>
      change(context, async (client) =>
        client.invoke('queue.prioritize', { ids: [await findOne(client, run)], priority }),
      ),
    );
}

async function findOne(client: LabClient, run: string): Promise<string> {
  const [only, ...others] = await client.invoke('runs.find', { ids: [run] });
  if (only !== undefined && others.length === 0) return only.id;
  throw new LabError('notFound', `“${run}” names ${others.length + 1} runs.`, 'Name one of them.');
}

/** Does something to the queue and shows it as it is then. */
async function change(context: CommandContext, action: (client: LabClient) => Promise<QueueState>): Promise<void> {
  await context.withLab(async ({ client }) => {
    const state = await action(client);
    const entries = await client.invoke('queue.list', {});
    const placeOf = (id: string): string => {
      if (state.running.includes(id)) return 'trains';
      if (state.queued.includes(id)) return 'waits';
      return state.unstarted.includes(id) ? 'not started' : 'paused';
    };
    const rows = entries.map((entry) => ({ ...entry, place: placeOf(entry.runId) }));
    const lines = rows.map((row) =>
      [row.runId, row.place.padEnd(11), row.priority.padEnd(6), row.experimentName].join('  '),
    );
    const head = state.settings.paused ? ['The queue is paused.'] : [];
    context.output.result(
      { ...state, runs: rows },
      [...head, ...(lines.length > 0 ? lines : ['Nothing waits.'])].join('\n'),
    );
  });
}
