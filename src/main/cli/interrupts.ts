/**
 * Calls back on Ctrl+C, or SIGTERM as a cluster sends it: the first time, and each time after it.
 * Returns the function that ends it.
 */
export function onInterrupts(first: () => void, again: () => void = () => undefined): () => void {
  let interrupted = false;
  const handle = (): void => {
    if (interrupted) again();
    else first();
    interrupted = true;
  };
  process.on('SIGINT', handle);
  process.on('SIGTERM', handle);
  return () => {
    process.off('SIGINT', handle);
    process.off('SIGTERM', handle);
  };
}
