import { join } from 'node:path';
import { Option, type Command } from 'commander';
import { hashDocument } from '#shared/canonicalJson.ts';
import type { DatasetDocument } from '#shared/domain/dataset.ts';
import { expandExperiment, parseExperimentDocument, type ExperimentDocumentInput } from '#shared/domain/experiment.ts';
import { figureExperiment, readings, type FigureDescription, type Reading } from '#shared/domain/figures/figure.ts';
import { figures, findFigure } from '#shared/domain/figures/index.ts';
import { scales, type Scale } from '#shared/domain/presets.ts';
import { isEnded } from '#shared/domain/runState.ts';
import { parseSettingValue } from '#shared/domain/setting.ts';
import { LabError } from '#shared/errors.ts';
import type { ReproducedReading, WrittenFigure } from '../reproduce/writeFigure.ts';
import type { CommandContext } from './context.ts';
import { parseSeeds, splitAssignment, withSuggestion } from './experimentFromOptions.ts';
import { formatDuration, formatTable } from './format.ts';
import type { LabSession } from './session.ts';
import { concludeTraining, trainRuns } from './trainRuns.ts';
import { asUsage, UsageError } from './usageError.ts';

interface ReproduceOptions {
  list?: boolean;
  scale?: Scale;
  seeds?: string;
  reading: Reading | 'both';
  dataset?: string;
  set?: string[];
  out?: string;
}

const collect = (value: string, list: string[] | undefined): string[] => [...(list ?? []), value];

export function addReproduceCommand(program: Command, context: CommandContext): void {
  program
    .command('reproduce')
    .description('Train what a figure of the paper compares, and judge its claims; goes on where it was interrupted.')
    .argument('[figure]', figures.map(({ id }) => id).join(', '))
    .option('--list', 'which figures there are')
    .addOption(new Option('--scale <scale>', 'how much is trained').choices(scales))
    .option('--seeds <1,2,3>', 'seeds; those that were trained before are not trained again')
    .addOption(
      new Option('--reading <reading>', 'what is equal between batch sizes')
        .choices([...readings, 'both'])
        .default('equal-epoch'),
    )
    .option('--dataset <id>', 'another data set than the figure’s')
    .option('--set <key=value>', 'set a field of all runs; may be given several times', collect)
    .option('--out <directory>', 'where the files go (default: in the lab’s folder `exports`)')
    .action(async (figure: string | undefined, options: ReproduceOptions) => {
      if (options.list === true) listFigures(context);
      else await reproduce(context, figure, options);
    });
}

function listFigures(context: CommandContext): void {
  const text = figures.map((figure) =>
    [
      `${figure.id}  ${figure.title}: ${figure.help}`,
      ...scales.map((scale) => `      ${scale.padEnd(7)} ${figure.scales[scale].help}`),
      ...figure.claims.map((claim) => `      ${claim.figure}: ${claim.text}`),
    ].join('\n'),
  );
  context.output.result(
    figures.map(({ id, title, help, datasetId, claims, groups, defaultScale }) => ({
      id,
      title,
      help,
      datasetId,
      defaultScale,
      scales: [...scales],
      groups,
      claims,
    })),
    text.join('\n'),
  );
}

async function reproduce(context: CommandContext, id: string | undefined, options: ReproduceOptions): Promise<void> {
  if (id === undefined) {
    throw new UsageError('invalidArgument', 'No figure is named.', 'Try `reproduce fig2`, or `reproduce --list`.');
  }
  const figure = asUsage(() => findFigure(id));
  const scale = options.scale ?? figure.defaultScale;
  const wanted = options.reading === 'both' ? readings : [options.reading];
  // What is wrong with what was typed is said before anything is opened.
  const seeds = options.seeds === undefined ? undefined : parseSeeds(options.seeds);
  const settings = (options.set ?? []).map((text) => {
    const [key, value] = splitAssignment(text, '--set', 'execution.precision=bfloat16');
    return { key, value: parseSettingValue(value) };
  });
  const goOn = context.commandLine(commandOf(figure, options));
  await context.withLab(
    async (session) => {
      const dataset = await findDataset(context, session, figure, options.dataset ?? figure.datasetId);
      const documents = wanted.map((reading) => ({
        reading,
        document: readDocument(options.set ?? [], () =>
          figureExperiment(figure, {
            scale,
            reading,
            dataset: { id: dataset.id, trainingImages: dataset.training.count },
            ...(seeds === undefined ? {} : { seeds }),
            settings,
          }),
        ),
      }));
      const reproduced: ReproducedReading[] = [];
      for (const { reading, document } of documents) {
        const done = await trainReading(context, session, reading, document, goOn);
        if (done === null) return;
        reproduced.push(done);
      }
      const { writeFigure } = await import('../reproduce/writeFigure.ts');
      const directory =
        options.out === undefined
          ? join(context.labDirectory, 'exports', defaultFolder(figure, scale, dataset, settings))
          : context.resolvePath(options.out);
      const written = await writeFigure(session.client, figure, { scale, dataset, settings }, reproduced, directory);
      showVerdicts(context, written, directory);
      await session.whenIdle();
    },
    { hosts: true },
  );
}

/** How to type the command again. */
function commandOf(figure: FigureDescription, options: ReproduceOptions): string {
  const quote = (text: string): string => (/[^\w./@:+=,-]/.test(text) ? JSON.stringify(text) : text);
  const given: [name: string, value: string | undefined][] = [
    ['--scale', options.scale],
    ['--seeds', options.seeds],
    ['--reading', options.reading === 'equal-epoch' ? undefined : options.reading],
    ['--dataset', options.dataset],
    ...(options.set ?? []).map((text): [string, string] => ['--set', text]),
    ['--out', options.out],
  ];
  const words = given.flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${quote(value)}`]));
  return ['reproduce', figure.id, ...words].join(' ');
}

/** Its own folder for each data set and each set of settings: none overwrites the verdicts of another. */
function defaultFolder(
  figure: FigureDescription,
  scale: Scale,
  dataset: DatasetDocument,
  settings: readonly unknown[],
): string {
  const parts = [figure.id, scale];
  if (dataset.id !== figure.datasetId) parts.push(dataset.id);
  if (settings.length > 0) parts.push(hashDocument(settings).slice(0, 8));
  return parts.join('-');
}

async function findDataset(
  context: CommandContext,
  { client }: LabSession,
  figure: FigureDescription,
  id: string,
): Promise<DatasetDocument> {
  const list = await client.invoke('datasets.list', {});
  const found = list.find((dataset) => dataset.id === id);
  if (found) return found;
  throw new LabError(
    'notFound',
    `${figure.title} needs the data set “${id}”, which this lab does not have.`,
    id === figure.datasetId
      ? `${figure.datasetHint}: \`${context.commandLine('datasets import PATH')}\`.`
      : `It has: ${list.map((dataset) => dataset.id).join(', ') || 'none'}. \`${context.commandLine('datasets import PATH')}\` imports one.`,
  );
}

/** @throws UsageError for settings that make no valid runs. */
function readDocument(typed: readonly string[], make: () => ExperimentDocumentInput): ExperimentDocumentInput {
  return asUsage(() => {
    try {
      const document = make();
      expandExperiment(parseExperimentDocument(document));
      return document;
    } catch (error) {
      throw withSuggestion(error, typed);
    }
  });
}

/** Trains what is not trained yet; null where not every run came to an end, which is said then. */
async function trainReading(
  context: CommandContext,
  session: LabSession,
  reading: Reading,
  document: ExperimentDocumentInput,
  goOn: string,
): Promise<ReproducedReading | null> {
  const { client } = session;
  const { experiment, runIds, added } = await client.invoke('experiments.ensure', { document });
  const runs = experiment.runs.filter((run) => runIds.includes(run.id));
  const finished = runs.filter((run) => run.state === 'done' || run.state === 'diverged').length;
  context.output.event({
    type: 'experiment',
    id: experiment.id,
    name: experiment.name,
    reading,
    added,
    finished,
    runs: runs.map(({ id, label, seed, state }) => ({ id, label, seed, state })),
  });
  if (!context.output.json) {
    const { secondsLeft } = await client.invoke('queue.get', {});
    const left = secondsLeft === null || finished === runs.length ? '' : `, about ${formatDuration(secondsLeft)} left`;
    context.output.note(
      `${experiment.name}: ${runs.length} runs, ${finished} of them trained before${left}; experiment ${experiment.id}`,
    );
  }
  const trained = await trainRuns(context, session, runIds);
  concludeTraining(context, session, trained, experiment.id, goOn);
  const ended = trained.ending === 'ended' && trained.runs.every((run) => isEnded(run.state));
  return ended ? { reading, experiment, runIds } : null;
}

function showVerdicts(context: CommandContext, { verdicts, files }: WrittenFigure, directory: string): void {
  const rows = verdicts.readings.flatMap(({ reading, claims }) => claims.map((claim) => ({ reading, claim })));
  const table = formatTable(rows, [
    { title: 'reading', value: ({ reading }) => reading },
    { title: 'figure', value: ({ claim }) => claim.figure },
    { title: 'verdict', value: ({ claim }) => claim.verdict },
    { title: 'adjusted', value: ({ claim }) => claim.adjustedVerdict },
    {
      title: 'pairs',
      value: ({ claim }) => [...new Set(claim.parts.map((part) => part.count))].join('/'),
      align: 'right',
    },
    { title: 'claim', value: ({ claim }) => claim.text },
  ]);
  context.output.result(
    {
      type: 'result',
      figure: verdicts.figure,
      scale: verdicts.scale,
      directory,
      files,
      readings: verdicts.readings.map(({ reading, experiment, claims, seeds }) => ({
        reading,
        experimentId: experiment.id,
        seeds,
        claims: claims.map(({ id, figure, text, verdict, adjustedVerdict }) => ({
          id,
          figure,
          text,
          verdict,
          adjustedVerdict,
        })),
      })),
    },
    `${table}\n\nFiles: ${directory}`,
  );
}
