import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { DispatchResult } from '#main/contract/dispatcher.ts';
import { EventHub } from '#main/contract/eventHub.ts';
import { startHost, type WebHost, type WebHostLimits } from '#main/web/webHost.ts';
import type { StaticFiles } from '#main/web/staticFiles.ts';
import type { HttpRequest } from '#shared/transport/platform.ts';

export interface TestHost {
  host: WebHost;
  events: EventHub;
  labDirectory: string;
  /** Every call that reached the dispatcher. */
  calls: { name: string; input: unknown }[];
}

export interface TestHostOptions {
  limits?: Partial<WebHostLimits>;
  files?: StaticFiles;
  answer?: (name: string, input: unknown) => Promise<DispatchResult>;
}

export const page: StaticFiles = new Map([
  [
    '/',
    { contentType: 'text/html; charset=utf-8', cacheControl: 'no-store', bytes: Buffer.from('<!doctype html>page') },
  ],
]);

/** A host over a dispatcher that only notes what was asked; closed when the test ends. */
export async function startTestHost({ limits, files = page, answer }: TestHostOptions = {}): Promise<TestHost> {
  const labDirectory = await mkdtemp(join(tmpdir(), 'normlab-web-'));
  const events = new EventHub({ intervalMs: 1 });
  const calls: TestHost['calls'] = [];
  const host = await startHost({
    dispatcher: {
      dispatch(name, input) {
        calls.push({ name, input });
        return answer?.(name, input) ?? Promise.resolve({ ok: true, value: { name, input } });
      },
    },
    events,
    labDirectory,
    files,
    port: 0,
    ...(limits ? { limits } : {}),
  });
  onTestFinished(async () => {
    await host.close();
    await rm(labDirectory, { recursive: true, force: true });
  });
  return { host, events, labDirectory, calls };
}

/** The runtime's fetch as transports take it. */
export const nodeFetch = (url: string, request: HttpRequest): Promise<Response> => fetch(url, request as RequestInit);
