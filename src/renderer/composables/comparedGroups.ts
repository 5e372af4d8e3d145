import type { ExperimentListItem, RunListItem } from '#shared/contract.ts';
import { isEnded } from '#shared/domain/runState.ts';
import type { ChartStyle } from '#shared/charts/chart.ts';
import { readableLabel } from '#shared/charts/comparedLabels.ts';
import { comparedStyles } from '#shared/charts/comparison.ts';

/** Runs that differ in seed only: one curve, one row of the legend. */
export interface ComparedGroup {
  key: string;
  label: string;
  methodId: string;
  style: ChartStyle;
  runs: RunListItem[];
}

/** Groups of one or several experiments, in the order of their runs. */
export function comparedGroups(experiments: readonly ExperimentListItem[], theme: 'light' | 'dark'): ComparedGroup[] {
  const several = experiments.length > 1;
  const groups = experiments.flatMap((experiment) =>
    [
      ...Map.groupBy(
        experiment.runs.toSorted((a, b) => a.ordinal - b.ordinal),
        (run) => run.label,
      ),
    ].map(([label, runs]) => ({
      key: `${experiment.id}\n${label}`,
      label: several ? `${readableLabel(label)} (${experiment.name})` : readableLabel(label),
      methodId: runs[0]?.methodId ?? '',
      batchSize: runs[0]?.batchSize ?? 0,
      runs,
    })),
  );
  const styles = comparedStyles(groups, theme);
  return groups.flatMap(({ key, label, methodId, runs }) => {
    const style = styles.get(key);
    return style ? [{ key, label, methodId, style, runs }] : [];
  });
}

/** Optimizer steps in an epoch, from how far a run is; null before its first step. */
export function stepsPerEpochOf(run: RunListItem): number | null {
  const steps = run.summary?.steps ?? run.progress?.step ?? 0;
  const epochs = run.summary?.epochs ?? run.progress?.epoch ?? 0;
  return steps > 0 && epochs > 0 ? steps / epochs : null;
}

/** Where the horizontal axis ends: at what was reached, or will be, so that it stands still while runs train. */
export function comparedEnd(runs: readonly RunListItem[], xAxis: 'step' | 'epoch' | 'time'): number | null {
  if (xAxis === 'time') return null;
  const ends = runs.flatMap((run) => {
    const reached = run.summary?.steps ?? run.progress?.step ?? 0;
    const steps = isEnded(run.state) ? reached : (run.progress?.totalSteps ?? reached);
    const perUnit = xAxis === 'step' ? 1 : stepsPerEpochOf(run);
    return steps > 0 && perUnit !== null ? [steps / perUnit] : [];
  });
  return ends.length === 0 ? null : Math.max(...ends);
}
