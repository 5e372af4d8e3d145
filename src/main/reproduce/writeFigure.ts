import { join } from 'node:path';
import { writeFileAtomically } from '#files/atomicWrite.ts';
import { makeDirectory } from '#files/makeDirectory.ts';
import type { ExperimentDetail, LabClient, StoredRun } from '#shared/contract.ts';
import type { DatasetDocument } from '#shared/domain/dataset.ts';
import type { FigureDescription, Reading } from '#shared/domain/figures/figure.ts';
import { metricSeries } from '#shared/domain/metric.ts';
import type { Scale } from '#shared/domain/presets.ts';
import type { VerdictFile, VerdictReading } from '#shared/domain/verdictFile.ts';
import { createPointReader, csvField, exportRunsAsCsv } from '../cli/runExport.ts';
import { renderSvg } from '../figures/svg.ts';
import { appCommit, appVersion } from '../runs/environment.ts';
import { describeFigure } from './figureChart.ts';
import { figureSeries, readVerdicts } from './readVerdicts.ts';
import { verdictMarkdown } from './verdictMarkdown.ts';

/** The runs of a figure by one reading, at their end. */
export interface ReproducedReading {
  reading: Reading;
  experiment: ExperimentDetail;
  runIds: readonly string[];
}

/** What a figure was reproduced with. */
export interface FigureOrigin {
  scale: Scale;
  dataset: DatasetDocument;
  settings: readonly { key: string; value: unknown }[];
}

export interface WrittenFigure {
  verdicts: VerdictFile;
  /** Absolute paths. */
  files: string[];
}

/**
 * Writes what the runs of a figure come to into a folder, each file as before or whole: curves and final
 * values as CSV, the figure as SVG, and the verdicts as JSON and Markdown, last, so that they are never
 * about files that are not there.
 */
export async function writeFigure(
  client: LabClient,
  figure: FigureDescription,
  { scale, dataset, settings }: FigureOrigin,
  reproduced: readonly ReproducedReading[],
  directory: string,
): Promise<WrittenFigure> {
  makeDirectory(directory);
  const generator = { name: 'NormLab', version: appVersion(), commit: appCommit() } as const;
  const readPoints = createPointReader(client);
  const files: string[] = [];
  const write = async (name: string, text: string): Promise<void> => {
    const file = join(directory, name);
    await writeFileAtomically(file, text);
    files.push(file);
  };
  const readings: VerdictReading[] = [];
  for (const { reading, experiment, runIds } of reproduced) {
    const runs: StoredRun[] = [];
    for (const id of runIds) runs.push(await client.invoke('runs.read', { id }));
    const verdicts = await readVerdicts(client, figure, reading, experiment, runs);
    readings.push(verdicts);
    const curves = [...new Set([...figureSeries(figure), metricSeries.trainMeanAccuracy])];
    const title = `${figure.title}, ${scale} scale, ${reading === 'equal-epoch' ? 'equal epochs' : 'equal steps'}`;
    const chart = await describeFigure(figure, reading, title, runs, dataset.training.count, readPoints);
    await write(`${figure.id}-${reading}-curves.csv`, await exportRunsAsCsv(runs, readPoints, curves));
    await write(`${figure.id}-${reading}-final-values.csv`, finalValuesCsv(runs, verdicts, figureSeries(figure)));
    await write(
      `${figure.id}-${reading}.svg`,
      renderSvg(chart, {
        generator: `NormLab ${generator.version}`,
        layout: { width: 440 * figure.panels.length, height: 460 },
      }),
    );
  }
  const verdicts: VerdictFile = {
    format: 'normlab.verdicts',
    version: 1,
    figure: figure.id,
    title: figure.title,
    scale,
    settings: [...settings],
    createdAt: new Date().toISOString(),
    generator,
    dataset: { id: dataset.id, name: dataset.name, checksum: dataset.checksum },
    readings,
  };
  await write('verdicts.json', `${JSON.stringify(verdicts, null, 2)}\n`);
  await write('verdicts.md', verdictMarkdown(verdicts, figure));
  return { verdicts, files };
}

/** One row a run (RFC 4180); empty where a value is not there or not finite. */
function finalValuesCsv(
  runs: readonly StoredRun[],
  { runs: judged }: VerdictReading,
  series: readonly string[],
): string {
  const lines = [['run', 'label', 'method', 'batchSize', 'seed', 'state', 'documentHash', 'evaluations', ...series]];
  runs.forEach(({ id, label, document, state, documentHash }, index) => {
    const values = judged[index]?.finalValues ?? {};
    lines.push([
      id,
      label,
      document.method.id,
      String(document.batchSize),
      String(document.seed),
      state,
      documentHash,
      String(values[metricSeries.validationLoss]?.evaluations ?? 0),
      ...series.map((name) => String(values[name]?.value ?? '')),
    ]);
  });
  return `${lines.map((line) => line.map(csvField).join(',')).join('\r\n')}\r\n`;
}
