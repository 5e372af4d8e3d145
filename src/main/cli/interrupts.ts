/**
 * One Ctrl+C can arrive several times: by the group of processes, and again from set-up and npm, which
 * cannot know whether it did. What comes so soon after the first is the same one.
 */
const sameInterruptMs = 300;

/**
 * Calls back on Ctrl+C, SIGTERM as a cluster sends it, or SIGHUP of a terminal that closes: the first
 * time, and each time after it.
 * Returns the function that ends it.
 */
export function onInterrupts(first: () => void, again: () => void = () => undefined): () => void {
  let firstAtMs: number | null = null;
  const handle = (): void => {
    const nowMs = performance.now();
    if (firstAtMs === null) {
      firstAtMs = nowMs;
      first();
    } else if (nowMs - firstAtMs >= sameInterruptMs) {
      again();
    }
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, handle);
  return () => {
    for (const signal of signals) process.off(signal, handle);
  };
}
