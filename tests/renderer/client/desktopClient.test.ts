import { describe, expect, it } from 'vitest';
import { reactive } from 'vue';
import type { ShellBridge } from '#shared/shellContract.ts';
import { createDesktopClient, createDesktopHost } from '../../../src/renderer/client/desktopClient.ts';

interface Call {
  name: string;
  input: unknown;
}

/** The preload's bridge, answering with what it was given. */
function fakeBridge(answer: (call: Call) => unknown): {
  bridge: ShellBridge;
  calls: Call[];
  send: (message: unknown) => void;
} {
  const calls: Call[] = [];
  const listeners = new Set<(message: unknown) => void>();
  return {
    calls,
    send: (message) => listeners.forEach((listener) => listener(message)),
    bridge: {
      invoke(name, input) {
        // Electron clones what is sent, and cannot clone proxies.
        calls.push({ name, input: structuredClone(input) });
        return Promise.resolve(answer({ name, input }));
      },
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      pathForFile: (file) => (file as { path: string }).path,
    },
  };
}

const files = (...paths: string[]): File[] => paths.map((path) => ({ path }) as unknown as File);
const receive = (bridge: ShellBridge, ...paths: string[]): Promise<string> | undefined =>
  createDesktopHost(bridge).receiveFiles?.(files(...paths), () => undefined, new AbortController().signal);

describe('the window’s client', () => {
  it('passes calls on without proxies, and failures back with their hint', async () => {
    const { bridge, calls } = fakeBridge(({ name }) =>
      name === 'experiments.list'
        ? { ok: true, value: [] }
        : { ok: false, error: { code: 'notFound', message: 'There is none.', hint: 'Make one.' } },
    );
    const client = createDesktopClient(bridge);
    expect(await client.invoke('experiments.list', reactive({ archived: false }))).toEqual([]);
    expect(calls).toEqual([{ name: 'experiments.list', input: { archived: false } }]);
    await expect(client.invoke('runs.get', { id: 'x' })).rejects.toMatchObject({ code: 'notFound', hint: 'Make one.' });
  });

  it('hands each event to those who asked for its name', () => {
    const { bridge, send } = fakeBridge(() => null);
    const received: unknown[] = [];
    const end = createDesktopClient(bridge).subscribe('metricsAppended', (payload) => received.push(payload));
    send({ sequence: 1, name: 'metricsAppended', payload: { runIds: ['a'] } });
    send({ sequence: 2, name: 'queueChanged', payload: {} });
    end();
    send({ sequence: 3, name: 'metricsAppended', payload: { runIds: ['b'] } });
    expect(received).toEqual([{ runIds: ['a'] }]);
  });
});

describe('the window as a host', () => {
  it('saves bytes by the system’s dialog', async () => {
    const { bridge, calls } = fakeBridge(() => ({ ok: true, value: '/home/figure.csv' }));
    expect(await createDesktopHost(bridge).saveFile('figure.csv', new Blob(['step\n']))).toBe('/home/figure.csv');
    expect(calls).toEqual([
      { name: 'shell.saveFile', input: { suggestedName: 'figure.csv', bytes: new TextEncoder().encode('step\n') } },
    ]);
  });

  it('takes the path of what was dropped, or the folder of several files', async () => {
    const { bridge } = fakeBridge(() => null);
    expect(await receive(bridge, '/data/cifar.tar.gz')).toBe('/data/cifar.tar.gz');
    expect(await receive(bridge, '/data/a/1.bin', '/data/a/2.bin')).toBe('/data/a');
    expect(await receive(bridge, 'C:\\data\\1.bin', 'C:\\data\\2.bin')).toBe('C:\\data');
    await expect(receive(bridge, '/data/a/1.bin', '/data/b/2.bin')).rejects.toThrow(/different folders/);
    await expect(receive(bridge)).rejects.toThrow(/no file/);
  });
});
