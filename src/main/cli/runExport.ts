import type { StoredRun } from '#shared/contract.ts';
import type { MissingSteps, SeriesPoints } from '#shared/domain/metric.ts';
import type { LabReader } from './readOnlyClient.ts';

/** Reads every point of a run's series. */
export type PointReader = (runId: string, series: string) => Promise<SeriesPoints>;

export interface PointReaderOptions {
  /** Told what is damaged; without it, damage ends the reading. */
  onMissing?: (runId: string, series: string, missing: readonly MissingSteps[]) => void;
}

export function createPointReader(reader: LabReader, { onMissing }: PointReaderOptions = {}): PointReader {
  return async (runId, series) => {
    const allowMissing = onMissing !== undefined;
    const { steps, values, missing } = await reader.invoke('metrics.points', { runId, series, allowMissing });
    if (missing.length > 0) onMissing?.(runId, series, missing);
    return { steps: fromBase64(steps), values: fromBase64(values) };
  };
}

function fromBase64(text: string): Float64Array {
  // Copied: pieces of Node's buffers need not begin where a float64 may.
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
  return new Float64Array(bytes.buffer);
}

function seriesNames(run: StoredRun, wanted: readonly string[] | undefined): string[] {
  const there = run.series.map(({ series }) => series);
  return wanted === undefined ? there : there.filter((name) => wanted.includes(name));
}

/** Runs with documents, environments and every point. Values that are not finite become null, as JSON has it. */
export async function exportRunsAsJson(
  runs: readonly StoredRun[],
  readPoints: PointReader,
  wanted?: readonly string[],
): Promise<unknown> {
  const exported: unknown[] = [];
  for (const run of runs) {
    const { checkpoints: _checkpoints, log: _log, ...record } = run;
    const series: Record<string, { steps: number[]; values: number[] }> = {};
    for (const name of seriesNames(run, wanted)) {
      const { steps, values } = await readPoints(run.id, name);
      series[name] = { steps: [...steps], values: [...values] };
    }
    exported.push({ ...record, series });
  }
  return { format: 'normlab.runs', version: 1, runs: exported };
}

export function csvField(value: string | number): string {
  const text = String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One row a point (RFC 4180), with the columns that tell runs apart and the hash that identifies them. */
export async function exportRunsAsCsv(
  runs: readonly StoredRun[],
  readPoints: PointReader,
  wanted?: readonly string[],
): Promise<string> {
  const lines = ['run,label,method,batchSize,seed,state,documentHash,series,step,value'];
  for (const run of runs) {
    const { method, batchSize, seed } = run.document;
    const prefix = [run.id, run.label, method.id, batchSize, seed, run.state, run.documentHash].map(csvField).join(',');
    for (const name of seriesNames(run, wanted)) {
      const { steps, values } = await readPoints(run.id, name);
      steps.forEach((step, index) => {
        lines.push(`${prefix},${csvField(name)},${step},${values[index] ?? NaN}`);
      });
    }
  }
  return `${lines.join('\r\n')}\r\n`;
}
