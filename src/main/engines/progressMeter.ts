import type { InstallProgress } from './engineService.ts';

/** The rate is that of the last few seconds: what counts for the time left. */
const windowMs = 5_000;

/** Turns a count of bytes into progress with rate and time left. */
export function createProgressMeter(
  phase: string,
  totalBytes: number,
  onProgress: (progress: InstallProgress) => void,
  now: () => number = () => performance.now(),
): (doneBytes: number) => void {
  const samples: { atMs: number; bytes: number }[] = [];
  return (doneBytes) => {
    const atMs = now();
    samples.push({ atMs, bytes: doneBytes });
    while (samples.length > 2 && atMs - (samples[1]?.atMs ?? atMs) >= windowMs) samples.shift();
    const first = samples[0] ?? { atMs, bytes: doneBytes };
    const seconds = (atMs - first.atMs) / 1000;
    const bytesPerSecond = seconds > 0 ? (doneBytes - first.bytes) / seconds : null;
    const secondsLeft =
      bytesPerSecond !== null && bytesPerSecond > 0 ? Math.max(0, totalBytes - doneBytes) / bytesPerSecond : null;
    onProgress({ phase, doneBytes, totalBytes, bytesPerSecond, secondsLeft });
  };
}
