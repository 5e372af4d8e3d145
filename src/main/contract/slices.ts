import { setImmediate } from 'node:timers/promises';

/** Longest time of work in one piece: calls of others wait no longer. */
const sliceMs = 8;

/** Does something for each item, letting other work have its turn between items. */
export async function mapInSlices<Item, Result>(
  items: Iterable<Item>,
  work: (item: Item) => Result,
): Promise<Result[]> {
  const results: Result[] = [];
  let sliceStart = performance.now();
  for (const item of items) {
    results.push(work(item));
    if (performance.now() - sliceStart < sliceMs) continue;
    await setImmediate();
    sliceStart = performance.now();
  }
  return results;
}
