import type { ChartDescription } from '#shared/charts/chart.ts';
import type { LabClient } from '#shared/contract.ts';

/** The chart with the hash of each run's document, so that a file says exactly what was trained. */
export async function withHashes(client: LabClient, chart: ChartDescription): Promise<ChartDescription> {
  const source = await Promise.all(
    chart.source.map(async (entry) => {
      const { documentHash } = await client.invoke('runs.get', { id: entry.runId });
      return { ...entry, documentHash };
    }),
  );
  return { ...chart, source };
}
