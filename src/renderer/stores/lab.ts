import type { LabClient } from '#shared/contract.ts';
import type { Host } from '../data/host.ts';
import { MetricsCache } from '../data/metricsCache.ts';

/** What the interface is joined to: the lab, and what this window or page can do besides. */
export interface Lab {
  client: LabClient;
  host: Host;
  /** Curves of open views. */
  metrics: MetricsCache;
  /** Coarse curves for lists. */
  sparklines: MetricsCache;
}

let current: Lab | null = null;

/** Joins the interface to a lab, before anything of it is shown. */
export function connectLab(client: LabClient, host: Host): Lab {
  current?.metrics.close();
  current?.sparklines.close();
  current = {
    client,
    host,
    metrics: new MetricsCache(client, { maximumBuckets: 2000 }),
    sparklines: new MetricsCache(client, { maximumBuckets: 80, minimumIntervalMs: 1000 }),
  };
  return current;
}

/** @throws Error before `connectLab`. */
export function useLab(): Lab {
  if (current === null) throw new Error('The interface was started without a lab.');
  return current;
}
