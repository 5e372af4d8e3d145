import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createLabContract } from '#main/contract/labContract.ts';
import { createLab } from '#main/lab.ts';
import { startWebHost } from '#main/web/startWebHost.ts';
import { ensureBuilt } from '#main/launch/builtParts.ts';
import { presetExperiment } from '#shared/domain/presets.ts';
import { createHttpClient, type HttpLabClient } from '#shared/transport/httpClient.ts';
import type { HttpRequest } from '#shared/transport/platform.ts';
import { ComparisonPage } from './pages/comparisonPage.ts';
import { launchChromium } from './support/chromium.ts';
import { WatchedPage } from './support/watchedPage.ts';

/**
 * How the interface and main answer while two runs train: Chromium's long tasks on the comparison page,
 * and the time of contract calls made beside it. Prints JSON; with `--profile` also CPU profiles of main
 * and page into a folder.
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    profile: { type: 'string' },
    host: { type: 'string' },
  },
});

interface Ready {
  address: string;
  token: string;
}

if (values.host === undefined) await measure(Number(values.seconds), values.profile ?? null);
else await serve(values.host);

/** The process of the host: the lab with two trainers at once. */
async function serve(labDirectory: string): Promise<void> {
  const session = new Session();
  session.connect();
  const contract = createLabContract(await createLab({ labDirectory, door: 'web', concurrency: 2 }));
  const host = await startWebHost({ lab: contract, port: 0 });
  process.on('message', (message) => {
    void (async () => {
      if (message === 'profile') {
        await session.post('Profiler.enable');
        await session.post('Profiler.start');
      } else if (message === 'profiled') {
        const { profile } = await session.post('Profiler.stop');
        process.send?.(profile);
      } else {
        await host.close();
        await contract.close();
        process.disconnect?.();
      }
    })();
  });
  process.send?.({ address: host.address, token: host.token } satisfies Ready);
}

async function measure(seconds: number, profileDirectory: string | null): Promise<void> {
  await ensureBuilt('interface', (line) => void process.stderr.write(`${line}\n`));
  const labDirectory = await mkdtemp(join(tmpdir(), 'normlab-response-'));
  const child = fork(fileURLToPath(import.meta.url), ['--host', labDirectory]);
  const [ready] = (await once(child, 'message')) as [Ready];
  const client = createHttpClient({
    fetch: (url: string, request: HttpRequest) => fetch(url, request as RequestInit),
    ...ready,
  });
  const browser = await launchChromium();
  try {
    const experimentId = await startTraining(client);
    const { page, problems } = await WatchedPage.open(browser);
    await page.addInitScript(() => {
      const tasks: { start: number; duration: number }[] = [];
      Object.assign(window, { longTasks: tasks });
      new PerformanceObserver((list) => {
        for (const { startTime, duration } of list.getEntries()) tasks.push({ start: startTime, duration });
      }).observe({ type: 'longtask', buffered: true });
    });
    await page.goto(`${ready.address}/#/experiments/${experimentId}&token=${ready.token}`);
    await new ComparisonPage(page).waitForLiveCurve();
    await whenTraining(client, 2);
    const devtools = await page.context().newCDPSession(page);
    if (profileDirectory !== null) {
      child.send('profile');
      await devtools.send('Profiler.enable');
      await devtools.send('Profiler.start');
    }
    const from = await page.evaluate(() => performance.now());
    const load = loadavg();
    const { calls, trainingThroughout } = await callFor(client, experimentId, seconds);
    const tasks = await page.evaluate(
      (since) =>
        (window as unknown as { longTasks: { start: number; duration: number }[] }).longTasks
          .filter(({ start }) => start >= since)
          .map(({ duration }) => Math.round(duration)),
      from,
    );
    if (profileDirectory !== null) {
      child.send('profiled');
      const [mainProfile] = (await once(child, 'message')) as [unknown];
      const { profile } = await devtools.send('Profiler.stop');
      await writeFile(join(profileDirectory, 'main.cpuprofile'), JSON.stringify(mainProfile));
      await writeFile(join(profileDirectory, 'page.cpuprofile'), JSON.stringify(profile));
    }
    const result = {
      seconds,
      cores: cpus().length,
      loadAverage: { before: load.map(round), after: loadavg().map(round) },
      trainingThroughout,
      longTasks: {
        count: tasks.length,
        over100Ms: tasks.filter((duration) => duration > 100).length,
        longestMs: Math.max(0, ...tasks),
      },
      calls: Object.fromEntries([...calls].map(([name, times]) => [name, summarize(times)])),
      allCalls: summarize([...calls.values()].flat()),
      problems,
    };
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  } finally {
    client.close();
    await browser.close();
    const ended = once(child, 'exit');
    child.send('end');
    await ended;
    await rm(labDirectory, { recursive: true, force: true });
  }
}

/** The quickstart, long enough to outlast the measurement. */
async function startTraining(client: HttpLabClient): Promise<string> {
  const job = await client.invoke('datasets.ensureExample', {});
  await poll(async () => (await client.invoke('jobs.list', {})).find(({ id }) => id === job.id)?.state === 'done');
  const document = presetExperiment('quickstart');
  const long = { ...document, base: { ...document.base, length: { unit: 'epochs', value: 500 } } };
  return (await client.invoke('experiments.create', { document: long })).id;
}

async function whenTraining(client: HttpLabClient, count: number): Promise<void> {
  await poll(async () => {
    const runs = await client.invoke('runs.find', { states: ['running'] });
    return runs.filter(({ progress }) => (progress?.step ?? 0) > 0).length === count;
  });
}

/** Calls as an open page makes them, one after another with short pauses, for some time. */
async function callFor(
  client: HttpLabClient,
  experimentId: string,
  seconds: number,
): Promise<{ calls: Map<string, number[]>; trainingThroughout: boolean }> {
  const calls = new Map<string, number[]>();
  const timed = async <Result>(name: string, call: () => Promise<Result>): Promise<Result> => {
    const startedAt = performance.now();
    const result = await call();
    calls.set(name, [...(calls.get(name) ?? []), performance.now() - startedAt]);
    return result;
  };
  const { runs } = await client.invoke('experiments.get', { id: experimentId });
  const requests = runs.flatMap(({ id }) =>
    ['train/loss', 'validation/loss', 'validation/accuracy'].map((series) => ({ runId: id, series })),
  );
  const end = performance.now() + seconds * 1000;
  let trainingThroughout = true;
  while (performance.now() < end) {
    await timed('experiments.list', () => client.invoke('experiments.list', {}));
    await timed('metrics.read', () => client.invoke('metrics.read', { requests }));
    await timed('machine.describe', () => client.invoke('machine.describe', {}));
    const queue = await timed('queue.get', () => client.invoke('queue.get', {}));
    trainingThroughout &&= queue.running.length === 2;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { calls, trainingThroughout };
}

async function poll(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 100));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function summarize(times: readonly number[]): Record<string, number> {
  const sorted = times.toSorted((a, b) => a - b);
  const quantile = (share: number): number =>
    round(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN);
  return { count: sorted.length, p50Ms: quantile(0.5), p99Ms: quantile(0.99), longestMs: quantile(1) };
}
