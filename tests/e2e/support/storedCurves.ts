import { readableLabel } from '#shared/charts/comparedLabels.ts';
import type { ExperimentDetail, LabClient } from '#shared/contract.ts';

function decode(base64: string): number[] {
  const bytes = Buffer.from(base64, 'base64');
  return Array.from({ length: bytes.length / 8 }, (_, index) => bytes.readDoubleLE(index * 8));
}

/** Points of one series of each run of an experiment with one seed, by the name of its curve, exactly as stored. */
export async function storedCurves(
  client: LabClient,
  experimentId: string,
  series: string,
): Promise<Map<string, { x: number; value: number }[]>> {
  const experiment: ExperimentDetail = await client.invoke('experiments.get', { id: experimentId });
  const curves = new Map<string, { x: number; value: number }[]>();
  for (const run of experiment.runs) {
    const { steps, values } = await client.invoke('metrics.points', { runId: run.id, series });
    const decoded = decode(values);
    curves.set(
      readableLabel(run.label),
      decode(steps).map((x, index) => ({ x, value: decoded[index] ?? Number.NaN })),
    );
  }
  return curves;
}
