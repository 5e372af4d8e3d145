import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventHub } from '#main/contract/eventHub.ts';
import type { JobRecord, RunListItem } from '#shared/contract.ts';
import { emptyQueue } from '#shared/domain/queue.ts';
import type { EventMessage } from '#shared/transport/eventMessage.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function listen(hub: EventHub): EventMessage[] {
  const received: EventMessage[] = [];
  hub.subscribe((message) => received.push(message));
  return received;
}

const run = (id: string, step: number): RunListItem => ({ id, ordinal: step }) as RunListItem;

describe('EventHub', () => {
  it('delivers the first event at once and merges what comes in the interval after it', () => {
    const hub = new EventHub({ intervalMs: 100 });
    const received = listen(hub);
    hub.emit('metricsAppended', { runIds: ['a'] });
    vi.advanceTimersByTime(0);
    expect(received).toHaveLength(1);
    for (let count = 0; count < 50; count++) {
      hub.emit('metricsAppended', { runIds: ['a', 'b'] });
      hub.emit('metricsAppended', { runIds: ['c'] });
      hub.emit('runsChanged', { runs: [run('a', count), run('b', count)] });
      vi.advanceTimersByTime(1);
    }
    expect(received).toHaveLength(1);
    vi.advanceTimersByTime(100);
    expect(received.slice(1)).toEqual([
      { sequence: 2, name: 'metricsAppended', payload: { runIds: ['a', 'b', 'c'] } },
      { sequence: 3, name: 'runsChanged', payload: { runs: [run('a', 49), run('b', 49)] } },
    ]);
  });

  it('delivers at most ten batches a second however many events come', () => {
    const hub = new EventHub({ intervalMs: 100 });
    const received = listen(hub);
    for (let millisecond = 0; millisecond < 1000; millisecond++) {
      hub.emit('queueChanged', { ...emptyQueue, secondsLeft: millisecond });
      vi.advanceTimersByTime(1);
    }
    // One at once, and ten more in the second after it.
    expect(received).toHaveLength(11);
    vi.advanceTimersByTime(100);
    expect(received.at(-1)?.payload).toEqual({ ...emptyQueue, secondsLeft: 999 });
  });

  it('keeps the latest record of each job and the union of experiments', () => {
    const hub = new EventHub();
    const received = listen(hub);
    const job = (id: string, done: number): JobRecord => ({ id, done }) as JobRecord;
    hub.emit('jobsChanged', { jobs: [job('x', 1)] });
    hub.emit('jobsChanged', { jobs: [job('y', 1), job('x', 2)] });
    hub.emit('experimentsChanged', { ids: ['e'] });
    hub.emit('experimentsChanged', { ids: ['e', 'f'] });
    hub.flush();
    expect(received.map(({ payload }) => payload)).toEqual([{ jobs: [job('x', 2), job('y', 1)] }, { ids: ['e', 'f'] }]);
  });

  it('gives back what was missed, and nothing where it is not known any more', () => {
    const hub = new EventHub({ historyLength: 3 });
    const at = (sequence: number, stream: string = hub.stream) => hub.since({ stream, sequence });
    expect(at(0)).toEqual([]);
    for (const id of ['a', 'b', 'c', 'd']) {
      hub.emit('experimentsChanged', { ids: [id] });
      hub.flush();
    }
    expect(at(4)).toEqual([]);
    expect(at(2)?.map(({ sequence }) => sequence)).toEqual([3, 4]);
    expect(at(1)?.map(({ sequence }) => sequence)).toEqual([2, 3, 4]);
    expect(at(0)).toBeNull();
    expect(at(5)).toBeNull();
    expect(at(2, 'another')).toBeNull();
  });

  it('delivers what waits when it closes', () => {
    const hub = new EventHub();
    const received = listen(hub);
    hub.emit('datasetsChanged', {});
    hub.close();
    expect(received).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
