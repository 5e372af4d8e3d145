/** Range and labelled values of a logarithmic axis. */
export interface LogAxis {
  range: readonly [number, number];
  labels: number[];
}

const mantissas = [1, 2, 5] as const;
/** More labels than these lie over each other. */
const mostLabels = 12;

/** 1, 2 and 5 times the powers of ten from one power to another. */
function ladder(fromPower: number, toPower: number): number[] {
  const values: number[] = [];
  // Written and read, because powers of ten by multiplication carry rounding errors: 0.30000000000000004.
  for (let power = fromPower; power <= toPower; power += 1) {
    for (const mantissa of mantissas) values.push(Number(`${mantissa}e${power}`));
  }
  return values;
}

/**
 * A logarithmic axis that ends at 1, 2 or 5 times a power of ten around its positive data, instead of
 * at powers of ten far from them; labels are of that kind too, thinned to powers over many decades.
 * @param extent Smallest and largest value, above zero.
 */
export function logAxis([least, most]: readonly [number, number]): LogAxis {
  const steps = ladder(Math.floor(Math.log10(least)) - 1, Math.ceil(Math.log10(most)) + 1);
  const start = steps.findLast((value) => value <= least) ?? least;
  const end = steps.find((value) => value >= most && value > start) ?? most;
  const between = steps.filter((value) => value >= start && value <= end);
  const decades = Math.log10(end / start);
  if (decades <= 3) return { range: [start, end], labels: between };
  const powers = between.filter((value) => Number.isInteger(Math.log10(value)));
  const every = Math.ceil(powers.length / mostLabels);
  return { range: [start, end], labels: powers.filter((value) => Math.round(Math.log10(value)) % every === 0) };
}
