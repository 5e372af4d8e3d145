/** How many of a run's evaluations its final value averages: the last 10%, rounded, at least one. */
export function countFinalEvaluations(evaluations: number): number {
  return Math.min(evaluations, Math.max(1, Math.round(evaluations / 10)));
}

/**
 * What a run's series comes to: the mean of its last 10% of evaluations, rounded to the nearest
 * whole number of them and at least one. A value among them that is not finite makes the result
 * not finite: a run that diverged has no final value.
 * @param values One value an evaluation, in order.
 * @returns NaN for a series without values.
 */
export function finalValue(values: Float64Array): number {
  if (values.length === 0) return Number.NaN;
  const last = values.subarray(-countFinalEvaluations(values.length));
  return last.reduce((sum, value) => sum + value, 0) / last.length;
}
