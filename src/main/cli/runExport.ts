import type { MetricStore, RunRecord } from '../store/store.ts';

type Metrics = Pick<MetricStore, 'list' | 'read'>;

function seriesNames(run: RunRecord, metrics: Metrics, wanted: readonly string[] | undefined): string[] {
  const there = metrics.list(run.id).map(({ series }) => series);
  return wanted === undefined ? there : there.filter((name) => wanted.includes(name));
}

/** Runs with documents, environments and every point. Values that are not finite become null, as JSON has it. */
export function exportRunsAsJson(runs: readonly RunRecord[], metrics: Metrics, wanted?: readonly string[]): unknown {
  return {
    format: 'normlab.runs',
    version: 1,
    runs: runs.map((run) => ({
      ...run,
      series: Object.fromEntries(
        seriesNames(run, metrics, wanted).map((name) => {
          const { steps, values } = metrics.read(run.id, name);
          return [name, { steps: [...steps], values: [...values] }];
        }),
      ),
    })),
  };
}

function csvField(value: string | number): string {
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One row a point (RFC 4180), with the columns that tell runs apart and the hash that identifies them. */
export function exportRunsAsCsv(runs: readonly RunRecord[], metrics: Metrics, wanted?: readonly string[]): string {
  const lines = ['run,label,method,batchSize,seed,state,documentHash,series,step,value'];
  for (const run of runs) {
    const { method, batchSize, seed } = run.document;
    const prefix = [run.id, run.label, method.id, batchSize, seed, run.state, run.documentHash].map(csvField).join(',');
    for (const name of seriesNames(run, metrics, wanted)) {
      const { steps, values } = metrics.read(run.id, name);
      steps.forEach((step, index) => {
        lines.push(`${prefix},${csvField(name)},${step},${values[index] ?? NaN}`);
      });
    }
  }
  return `${lines.join('\r\n')}\r\n`;
}
