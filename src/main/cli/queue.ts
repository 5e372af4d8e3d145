import { Argument, InvalidArgumentError, Option, type Command } from 'commander';
import type { LabClient, QueueState } from '#shared/contract.ts';
import {
  maximumTrainersAtOnce,
  queueMoves,
  runPriorities,
  type QueueMove,
  type QueueSettings,
  type RunPriority,
} from '#shared/domain/queue.ts';
import { LabError } from '#shared/errors.ts';
import type { CommandContext } from './context.ts';
import { trainAndReport } from './trainRuns.ts';
import { UsageError } from './usageError.ts';

/** `lab queue`: what waits, in which order, and whether it goes on. */
export function addQueueCommands(program: Command, context: CommandContext): void {
  const queue = program.command('queue').description('The runs that wait for their turn.');
  queue
    .command('list', { isDefault: true })
    .description('what trains and waits, in its order, and how the queue goes on')
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
    .command('start')
    .description('train runs that an earlier session left waiting: those named, or all')
    .argument('[runs...]', 'ids of runs or experiments, or their beginnings')
    .action((runs: string[]) => start(context, runs));
  queue
    .command('set')
    .description('how the queue goes on, from now on and also after the lab is opened again')
    .option(
      '--trainers <count>',
      `runs that train at once where memory allows, 1 to ${maximumTrainersAtOnce}`,
      readTrainers,
    )
    .addOption(
      new Option('--start-when-idle <on|off>', 'start runs only while nothing else keeps the machine busy').choices([
        'on',
        'off',
      ]),
    )
    .action((options: SetOptions) => set(context, options));
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

interface SetOptions {
  trainers?: number;
  startWhenIdle?: 'on' | 'off';
}

function readTrainers(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= maximumTrainersAtOnce) return count;
  throw new InvalidArgumentError(`It is a whole number from 1 to ${maximumTrainersAtOnce}.`);
}

async function set(context: CommandContext, { trainers, startWhenIdle }: SetOptions): Promise<void> {
  if (trainers === undefined && startWhenIdle === undefined) {
    throw new UsageError(
      'invalidArgument',
      'Nothing is named that is to be set.',
      'Give --trainers COUNT or --start-when-idle on|off; `queue` shows what is set.',
    );
  }
  await change(context, (client) =>
    client.invoke('queue.set', {
      ...(trainers === undefined ? {} : { trainersAtOnce: trainers }),
      ...(startWhenIdle === undefined ? {} : { startWhenIdle: startWhenIdle === 'on' }),
    }),
  );
}

/** Starts runs that nobody has started since the lab was opened, and follows them to their end. */
async function start(context: CommandContext, named: readonly string[]): Promise<void> {
  await context.withLab(
    async (session) => {
      const { client } = session;
      const { unstarted } = await client.invoke('queue.get', {});
      const asked = named.length === 0 ? [] : await client.invoke('runs.find', { ids: [...named] });
      const ids = named.length === 0 ? unstarted : asked.map((run) => run.id).filter((id) => unstarted.includes(id));
      if (ids.length === 0) {
        throw new LabError(
          'invalidState',
          named.length === 0 ? 'No run of an earlier session waits.' : 'None of these runs waits to be started.',
          'See what trains and waits with `queue`; runs that were paused or stopped go on with `runs resume`.',
        );
      }
      await client.invoke('queue.start', { ids });
      await trainAndReport(context, session, ids, { resumeId: ids.join(' ') });
    },
    { hosts: true },
  );
}

/** How the queue goes on, in words. */
function describeSettings({ paused, trainersAtOnce, startWhenIdle }: QueueSettings): string[] {
  const count = trainersAtOnce === 1 ? 'One run trains at a time' : `Up to ${trainersAtOnce} runs train at once`;
  return [
    ...(paused ? ['The queue is paused.'] : []),
    `${count}${startWhenIdle ? ', while the machine is idle' : ''}.`,
  ];
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
    const isLeft = state.unstarted.length > 0;
    context.output.result(
      { ...state, runs: rows },
      [
        ...describeSettings(state.settings),
        ...(lines.length > 0 ? lines : ['Nothing waits.']),
        ...(isLeft ? [`What is not started trains with ${context.commandLine('queue start')}`] : []),
      ].join('\n'),
    );
  });
}
