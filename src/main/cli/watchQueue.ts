import type { LabClient, QueueState } from '#shared/contract.ts';

export interface QueueWatch {
  /** Resolves with the queue when none of the runs trains or waits in it any more, or those that wait do so in a paused queue. */
  readonly over: Promise<QueueState>;
  /** Looks at the queue now: runs that are in none already are noticed by this only. */
  look(): void;
  end(): void;
}

/** Watches runs in the queue: they leave it when they end, and when the queue halts or is cleared. */
export function watchQueue(client: LabClient, runIds: readonly string[]): QueueWatch {
  const watched = new Set(runIds);
  const over = Promise.withResolvers<QueueState>();
  // Whoever waits for it is told; nobody may wait for it yet.
  over.promise.catch(() => undefined);
  // In a paused queue nobody knows when those that wait will start: whoever follows them would wait for ever.
  const isIn = ({ running, queued, settings }: QueueState): boolean =>
    [...running, ...(settings.paused ? [] : queued)].some((id) => watched.has(id));
  const look = (): void => {
    client.invoke('queue.get', {}).then((queue) => {
      if (!isIn(queue)) over.resolve(queue);
    }, over.reject);
  };
  const ends = [
    client.subscribe('queueChanged', (queue) => {
      // It may be from before these runs were queued: asked again, the lab says what is so now.
      if (!isIn(queue)) look();
    }),
    client.subscribe('resync', look),
  ];
  return {
    over: over.promise,
    look,
    end() {
      for (const end of ends) end();
    },
  };
}
