import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { formatRequest, sendRaw, type RequestParts } from '../main/web/rawRequest.ts';
import { describeInBrowser } from './support/chromium.ts';
import { useJourney } from './support/journey.ts';

describeInBrowser('the host as a process', () => {
  const journey = useJourney('empty');

  it('refuses foreign origins and hosts, callers without token, oversize bodies and paths that lead out', async () => {
    const { port, token } = journey.host;
    const body = '{}';
    const proper: Required<RequestParts> = {
      method: 'POST',
      target: '/invoke/machine.describe',
      headers: {
        host: `127.0.0.1:${port}`,
        origin: `http://127.0.0.1:${port}`,
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'content-length': String(body.length),
      },
      body,
    };
    const status = async (changes: RequestParts): Promise<number> => {
      const headers = { ...proper.headers, ...changes.headers };
      return (await sendRaw(port, formatRequest({ ...proper, ...changes, headers }))).status;
    };
    expect(await status({})).toBe(200);
    expect(await status({ headers: { origin: 'https://foreign.example' } })).toBe(403);
    expect(await status({ headers: { host: 'foreign.example' } })).toBe(403);
    expect(await status({ headers: { host: `foreign.example:${port}`, origin: undefined } })).toBe(403);
    expect(await status({ headers: { authorization: undefined } })).toBe(401);
    expect(await status({ headers: { authorization: `Bearer ${'a'.repeat(token.length)}` } })).toBe(401);
    expect(await status({ headers: { 'content-length': String(64 * 1024 ** 2) } })).toBe(413);
    const big = JSON.stringify({ key: 'a', value: 'x'.repeat(1024 ** 2) });
    expect(
      await status({ target: '/invoke/memory.set', body: big, headers: { 'content-length': String(big.length) } }),
    ).toBe(413);
    for (const target of [
      '/../package.json',
      '/assets/../../../package.json',
      '/%2e%2e/%2e%2e/package.json',
      '//etc/passwd',
      '/assets/..%2f..%2fpackage.json',
      `http://127.0.0.1:${port}/../package.json`,
    ]) {
      expect([target, await status({ method: 'GET', target })]).toEqual([target, 400]);
    }
    expect(await status({ method: 'GET', target: '/package.json' })).toBe(404);
    expect(await status({ target: `/upload/${'0'.repeat(32)}?name=..%2fa` })).toBeGreaterThanOrEqual(400);
  });

  it('lets a page in by a code for once, which a reload does not need and another window cannot use', async () => {
    const { address, token } = journey.host;
    const headers = { authorization: `Bearer ${token}` };
    const answer: unknown = await (await fetch(`${address}/session/code`, { method: 'POST', headers })).json();
    const url = `${address}/#code=${(answer as { result: { code: string } }).result.code}`;
    const first = await journey.openPage();
    const isOpen = (): Promise<unknown> => first.page.getByRole('navigation').getByText('Experiments').waitFor();
    await first.page.goto(url);
    await isOpen();
    expect(first.page.url()).not.toContain('code=');
    await first.page.reload();
    await isOpen();
    const second = await journey.openPage();
    await second.page.goto(url);
    await second.page.getByText('no session').first().waitFor();
    // The browser writes refused requests into its console.
    expect(second.problems.length).toBeGreaterThan(0);
    second.problems.length = 0;
  });

  it('gives another page in the same browser nothing', async () => {
    const foreign = createServer((_, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><title>Foreign</title><link rel="icon" href="data:,">');
    });
    foreign.listen(0, '127.0.0.1');
    await once(foreign, 'listening');
    journey.onEnd(async () => {
      foreign.close();
      await once(foreign, 'close');
    });
    const watched = await journey.openPage();
    await watched.page.goto(`http://127.0.0.1:${(foreign.address() as AddressInfo).port}/`);
    const outcomes = await watched.page.evaluate(
      async ({ address, token }) => {
        const attempt = async (run: () => Promise<string>): Promise<string> => run().catch(() => 'refused');
        const call = {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        };
        const withToken = await attempt(async () => (await fetch(`${address}/invoke/machine.describe`, call)).text());
        const plain = await attempt(async () => (await fetch(`${address}/`, { mode: 'no-cors' })).type);
        const frame = document.createElement('iframe');
        const loaded = new Promise((resolve) => (frame.onload = resolve));
        frame.src = `${address}/`;
        document.body.append(frame);
        await loaded;
        return { withToken, plain };
      },
      { address: journey.host.address, token: journey.host.token },
    );
    expect(outcomes).toEqual({ withToken: 'refused', plain: 'refused' });
    // What stands in the frame is the browser's own page of refusal.
    expect(watched.page.frames().map((frame) => new URL(frame.url()).protocol)).toEqual(['http:', 'chrome-error:']);
    // The browser says of each why; that is what was wanted.
    expect(watched.problems.length).toBeGreaterThan(0);
    watched.problems.length = 0;
  });
});
