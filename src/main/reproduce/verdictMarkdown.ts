import { formatChartNumber } from '#shared/charts/chart.ts';
import { readableLabel } from '#shared/charts/comparedLabels.ts';
import { comparedMetrics } from '#shared/charts/comparedMetrics.ts';
import type { FigureDescription, Reading } from '#shared/domain/figures/figure.ts';
import type { VerdictFile, VerdictReading } from '#shared/domain/verdictFile.ts';
import { mostSeeds } from '#shared/statistics/pairedDifference.ts';
import { formatDuration } from '../cli/format.ts';
import { panelSeriesName } from './figureChart.ts';

type Claim = VerdictReading['claims'][number];
type Part = Claim['parts'][number];

const readingTexts: { readonly [Name in Reading]: { title: string; text: string } } = {
  'equal-epoch': {
    title: 'Equal epochs',
    text: 'All runs see the training images equally often; a run with four times the batch size takes a quarter of the steps.',
  },
  'equal-step': {
    title: 'Equal steps',
    text: 'All runs take equally many steps; a run with four times the batch size sees the training images four times as often.',
  },
};

/** `verdicts.md`: the verdicts and what they rest on, for people. */
export function verdictMarkdown(file: VerdictFile, figure: FigureDescription): string {
  return `${[
    `# ${file.title}: verdicts`,
    figure.help,
    `**${capitalize(file.scale)} scale**: ${figure.scales[file.scale].help}. Data set ${file.dataset.name} (\`${file.dataset.id}\`, SHA-256 ${file.dataset.checksum.slice(0, 12)}…). Written by NormLab ${file.generator.version}${file.generator.commit === null ? '' : ` (${file.generator.commit.slice(0, 12)})`} on ${file.createdAt}. What every number rests on is in \`verdicts.json\`.`,
    ...(file.settings.length === 0
      ? []
      : [
          `**Changed from that**: ${file.settings.map(({ key, value }) => `\`${key}\` = ${JSON.stringify(value)}`).join(', ')}.`,
        ]),
    ...file.readings.flatMap((reading) => describeReading(reading, figure)),
    '## How the verdicts are found',
    'A run’s final value is the mean of its last tenth of evaluations, at least one. Runs are paired by seed. A claim of a direction is **supported** where the 95% t-interval of the mean difference excludes 0 on the claimed side, **contradicted** where it excludes 0 on the other, else **inconclusive**; a claim of equality is supported where the 90% interval lies inside its margin, contradicted where it lies wholly outside. A claim of several parts needs every part. Verdicts are each claim’s own; the adjusted ones beside them keep to 5% over all parts of all claims together (Holm). d_z is the mean difference in standard deviations of the differences (Cohen). A verdict is about these settings and this scale, not about the paper’s own runs.',
  ].join('\n\n')}\n`;
}

function describeReading(reading: VerdictReading, figure: FigureDescription): string[] {
  const { title, text } = readingTexts[reading.reading];
  const seconds = reading.runs.reduce((sum, run) => sum + (run.durationSeconds ?? 0), 0);
  return [
    `## ${title}`,
    text,
    table(
      ['claim', 'verdict', 'adjusted', 'pairs'],
      reading.claims.map((claim) => [
        `${claim.text} (${claim.figure})`,
        `**${claim.verdict}**`,
        claim.adjustedVerdict,
        [...new Set(claim.parts.map((part) => part.count))].join(' / '),
      ]),
    ),
    '### Differences',
    table(
      ['quantity', 'left − right', 'claimed', 'mean', 'interval', 'd_z', 'p', 'adjusted p', 'verdict'],
      uniqueParts(reading).map((part) => [
        quantityName(part.metric),
        `${readableLabel(part.left, 'symbol')} − ${readableLabel(part.right, 'symbol')}`,
        expectation(part),
        difference(part.metric, part.mean),
        part.interval === null
          ? '–'
          : `${difference(part.metric, part.interval.lower)} to ${difference(part.metric, part.interval.upper)} (${Math.round(part.confidence * 100)}%)`,
        part.effectSize === null ? '–' : formatChartNumber(part.effectSize, 'number', 3),
        probability(part.probability),
        probability(part.adjustedProbability),
        part.verdict,
      ]),
    ),
    ...notes(reading),
    '### Final values',
    'Mean ± standard deviation over the seeds whose runs came to their end.',
    finalValues(reading, figure),
    '### The runs',
    list(reading.statements),
    `${reading.runs.length} runs of experiment \`${reading.experiment.id}\`; their training took ${formatDuration(seconds)} in all. ${environments(reading)}`,
  ];
}

/** Each comparison once, however many claims it is a part of. */
function uniqueParts({ claims }: VerdictReading): Part[] {
  const parts = claims.flatMap((claim) => claim.parts);
  return [
    ...new Map(
      parts.map((part) => [JSON.stringify([part.metric, part.left, part.right, part.expected]), part]),
    ).values(),
  ];
}

function notes(reading: VerdictReading): string[] {
  const readings = reading.claims.flatMap(({ text, reading: how }) => (how === undefined ? [] : [`“${text}” ${how}`]));
  const reasons = uniqueParts(reading).flatMap((part) => {
    const what = `${quantityName(part.metric)}, ${readableLabel(part.left, 'symbol')} − ${readableLabel(part.right, 'symbol')}`;
    if (part.reason !== null) return [`${what}: ${part.reason}`];
    if (part.verdict !== 'inconclusive') return [];
    return [
      part.pairsToDecide === null
        ? `${what}: not even ${mostSeeds} seeds would decide if mean difference and spread stayed as they are.`
        : `${what}: about ${part.pairsToDecide} seeds, ${part.pairsToDecide - part.count} more, would decide if mean difference and spread stayed as they are.`,
    ];
  });
  const all = [...readings, ...reasons];
  return all.length === 0 ? [] : [list(all)];
}

function finalValues(reading: VerdictReading, figure: FigureDescription): string {
  const series = [
    ...new Set([
      ...figure.panels.map(panelSeriesName),
      ...figure.claims.flatMap(({ parts }) => parts.map(({ metric }) => metric)),
    ]),
  ];
  const groups = [...Map.groupBy(reading.runs, (run) => run.label)];
  return table(
    ['what', 'runs', ...series.map(quantityName)],
    groups.map(([label, runs]) => {
      const done = runs.filter((run) => run.state === 'done');
      return [
        readableLabel(label),
        done.length === runs.length ? String(runs.length) : `${done.length} of ${runs.length}`,
        ...series.map((name) => {
          const values = done.flatMap((run) => run.finalValues[name]?.value ?? []);
          return spread(name, values);
        }),
      ];
    }),
  );
}

function spread(series: string, values: readonly number[]): string {
  if (values.length === 0) return '–';
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  const format = metricOf(series)?.yAxis.format ?? 'number';
  const deviation = values.length < 2 ? '' : ` ± ${formatChartNumber(Math.sqrt(variance), format, 2)}`;
  return `${formatChartNumber(mean, format)}${deviation}${format === 'percent' ? '%' : ''}`;
}

function metricOf(series: string): (typeof comparedMetrics)[number] | undefined {
  return comparedMetrics.find((metric) => metric.series === series);
}

export function quantityName(series: string): string {
  const metric = metricOf(series);
  if (metric) return metric.title.toLowerCase();
  return series === 'trainMean/loss' ? 'training loss' : series;
}

/** Differences of shares are percentage points. */
function difference(series: string, value: number | null): string {
  if (value === null) return '–';
  const format = metricOf(series)?.yAxis.format ?? 'number';
  const sign = value > 0 ? '+' : '';
  return `${sign}${formatChartNumber(value, format, 3)}${format === 'percent' ? ' points' : ''}`;
}

function expectation({ expected, metric }: Part): string {
  if (expected.relation === 'equal') return `within ±${difference(metric, expected.margin).replace('+', '')}`;
  return expected.relation === 'greater' ? 'above 0' : 'below 0';
}

function probability(value: number | null): string {
  if (value === null) return '–';
  return value < 0.0001 ? '< 0.0001' : value.toFixed(4);
}

function environments({ environments: kinds }: VerdictReading): string {
  return kinds
    .map((environment) => {
      const engine = environment['engine'];
      const title = typeof engine === 'object' && engine !== null && 'title' in engine ? String(engine.title) : '';
      return `${title}, ${String(environment['processor'])}, ${String(environment['platform'])}.`;
    })
    .filter((text, index, all) => all.indexOf(text) === index)
    .join(' ');
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n');
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
