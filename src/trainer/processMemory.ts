/** Largest resident memory of this process since it started: engine, data and all. */
export function peakMemoryBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}
