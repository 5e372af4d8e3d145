/**
 * Adjusted p-values by Holm's step-down procedure: with p₍₁₎ ≤ … ≤ p₍m₎, p̃₍i₎ = min(1, max_{j≤i} (m−j+1)·p₍j₎).
 * Deciding where p̃ ≤ α keeps the probability of any wrong decision in the family at or below α,
 * however the tests depend on each other. Source: Holm 1979, Scandinavian Journal of Statistics 6:65–70.
 * @param probabilities In any order, each in [0, 1]; null stands for a test that could not be made,
 * which is no member of the family.
 * @returns In the same order; null where it was null.
 * @throws RangeError for a probability outside [0, 1].
 */
export function adjustByHolm(probabilities: readonly (number | null)[]): (number | null)[] {
  const members = probabilities.flatMap((probability, index) => (probability === null ? [] : [{ probability, index }]));
  const wrong = members.find(({ probability }) => !(probability >= 0 && probability <= 1));
  if (wrong) throw new RangeError(`The probability is ${wrong.probability}, not in [0, 1].`);
  const adjusted = new Array<number | null>(probabilities.length).fill(null);
  let least = 0;
  members
    .toSorted((left, right) => left.probability - right.probability)
    .forEach(({ probability, index }, rank) => {
      least = Math.max(least, Math.min(1, (members.length - rank) * probability));
      adjusted[index] = least;
    });
  return adjusted;
}
