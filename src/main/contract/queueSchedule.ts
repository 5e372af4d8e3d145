export interface QueueSchedule {
  /** Until each waiting run starts; null where a run before it takes nobody knows how long. */
  startsInSeconds: (number | null)[];
  /** Until the last run ends; null where the time of some run is not known. */
  secondsLeft: number | null;
}

/**
 * When waiting runs start: each takes the place that is free first, in their order. Runs are taken to
 * be as fast as they were measured, also where several train at once.
 * @param training What the runs that train will still take, in seconds.
 * @param waiting What the waiting ones will take, in order.
 */
export function scheduleQueue(
  training: readonly (number | null)[],
  waiting: readonly (number | null)[],
  trainersAtOnce: number,
): QueueSchedule {
  const places = [...training, ...Array<number>(Math.max(0, trainersAtOnce - training.length)).fill(0)];
  const startsInSeconds = waiting.map((seconds) => {
    // A place that is free already is taken whatever is not known of the others.
    let first = places.indexOf(0);
    if (first < 0 && !places.includes(null)) first = indexOfLeast(places);
    const start = first < 0 ? null : (places[first] ?? null);
    if (start === null) return null;
    places[first] = seconds === null ? null : start + seconds;
    return start;
  });
  const isKnown = !places.includes(null) && !startsInSeconds.includes(null);
  return { startsInSeconds, secondsLeft: isKnown ? Math.max(0, ...places.map((place) => place ?? 0)) : null };
}

function indexOfLeast(values: readonly (number | null)[]): number {
  return values.reduce<number>(
    (best, value, index) => ((value ?? Infinity) < (values[best] ?? Infinity) ? index : best),
    0,
  );
}
