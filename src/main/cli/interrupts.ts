/**
 * One Ctrl+C can arrive several times: by the group of processes, and again from set-up and npm, which
 * cannot know whether it did. What comes so soon after the first is the same one.
 */
const sameInterruptMs = 300;

/**
 * Calls back on Ctrl+C, or SIGTERM as a cluster sends it: the first time, and each time after it.
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
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return () => {
    process.off('SIGINT', handle);
    process.off('SIGTERM', handle);
  };
}
