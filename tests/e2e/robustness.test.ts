import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { ComparisonPage, readChartCsv } from './pages/comparisonPage.ts';
import { childrenOf } from './support/childProcesses.ts';
import { describeInBrowser, launchChromium } from './support/chromium.ts';
import { CutProxy } from './support/cutProxy.ts';
import { useJourney } from './support/journey.ts';
import { storedCurves } from './support/storedCurves.ts';
import { longerExperiment, tinyExperiment } from './support/tinyExperiment.ts';

const cuts = 10;
const steps = 300;

describeInBrowser('a comparison', () => {
  const journey = useJourney('tiny');

  /** What the page draws, exported, is what the store holds: nothing doubled, nothing missing. */
  async function expectCurvesOfStore(comparison: ComparisonPage): Promise<void> {
    const client = journey.host.client();
    for (const [title, series, points] of [
      ['Training loss', 'train/loss', steps],
      ['Validation loss', 'validation/loss', steps / 10],
    ] as const) {
      await comparison.showMetric(title);
      const stored = await storedCurves(client, comparison.experimentId, series);
      expect([...stored.values()].map((curve) => curve.length)).toEqual([points, points]);
      // Points may come a moment after the state that their run ended in.
      await expect.poll(() => comparison.rows().then((rows) => rows.every(({ last }) => /\d/.test(last)))).toBe(true);
      expect(readChartCsv((await comparison.export('CSV')).bytes)).toEqual(stored);
    }
    client.close();
  }

  const statusLine = (page: Page) => page.getByRole('contentinfo');
  const connectionLost = (page: Page) => page.getByText('The lab does not answer');

  it(`shows the store’s curves after reloads and ${cuts} broken connections`, async () => {
    const proxy = await CutProxy.open(journey.host.port);
    journey.onEnd(() => proxy.close());
    // The host answers to its own address only, so the browser is led to the wire below that address.
    const browser = await launchChromium([
      `--host-resolver-rules=MAP localhost:${journey.host.port} 127.0.0.1:${proxy.port}`,
    ]);
    journey.onEnd(() => browser.close());
    const client = journey.host.client();
    const { id } = await client.invoke('experiments.create', { document: longerExperiment(steps, 10) });
    client.close();
    const watched = await journey.openPage({}, browser);
    const { page } = watched;
    await page.goto(journey.host.urlAt(`/experiments/${id}`, `http://localhost:${journey.host.port}`));
    const comparison = new ComparisonPage(page);
    await comparison.shown();
    for (let cut = 1; cut <= cuts; cut += 1) {
      await watched.duringOutage(async () => {
        proxy.cut();
        await connectionLost(page).waitFor();
        proxy.mend();
        await connectionLost(page).waitFor({ state: 'hidden' });
      });
      if (cut % 4 === 0) {
        await page.reload();
        await comparison.shown();
      }
    }
    await comparison.waitForStates('Done');
    await statusLine(page).getByText('Idle').waitFor();
    await expectCurvesOfStore(comparison);
  }, 300_000);

  it.runIf(process.platform === 'linux')(
    'goes on where it was after its trainer and then its host were killed',
    async () => {
      const client = journey.host.client();
      const { id } = await client.invoke('experiments.create', { document: longerExperiment(steps, 10) });
      client.close();
      const first = await journey.openPage();
      await first.page.goto(journey.host.urlAt(`/experiments/${id}`));
      let comparison = new ComparisonPage(first.page);
      await comparison.shown();
      await comparison.waitForLiveCurve();
      const [trainer] = childrenOf(journey.host.pid, 'trainer');
      if (trainer !== undefined) process.kill(trainer, 'SIGKILL');
      await first.page.getByRole('button', { name: /^Resume/ }).waitFor();
      await comparison.resume();
      await comparison.waitForLiveCurve();

      await first.close();
      await journey.restartHost('kill');
      const second = await journey.openPage();
      await second.page.goto(journey.host.urlAt(`/experiments/${id}`));
      comparison = new ComparisonPage(second.page);
      await comparison.shown();
      await comparison.resume();
      await comparison.waitForStates('Done');
      await expectCurvesOfStore(comparison);
    },
    300_000,
  );

  it('says after an end without warning which runs trained, and goes on with all of them at a press', async () => {
    const client = journey.host.client();
    const base = {
      ...tinyExperiment.base,
      length: { unit: 'steps', value: 2000 },
      checkpoints: { every: { unit: 'steps', value: 5 } },
    };
    const weekend = { ...tinyExperiment, base, name: 'Weekend', vary: [], seeds: [1, 2, 3] };
    const { runs } = await client.invoke('experiments.create', { document: weekend });
    const [first = '', ...others] = runs.map(({ id }) => id);
    const stepOf = async (id: string): Promise<number> => (await client.invoke('runs.get', { id })).progress?.step ?? 0;
    await expect.poll(() => stepOf(first), { timeout: 60_000 }).toBeGreaterThan(5);
    client.close();
    await journey.restartHost('kill');
    const { page } = await journey.openPage();
    page.setDefaultTimeout(20_000);
    await page.goto(journey.host.urlAt('/experiments'));
    const notice = page.getByRole('alert').filter({ hasText: 'A run was training when' });
    await notice.waitFor();
    expect(await notice.textContent()).toContain('“Weekend”.');
    expect(await notice.textContent()).toContain('2 runs that waited are still there.');
    expect(await page.getByRole('contentinfo').textContent()).toContain('2 runs not started');
    const folder = process.env['NORMLAB_SCREENSHOTS'];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      if (folder !== undefined) await page.screenshot({ path: `${folder}/interrupted-${colorScheme}.png` });
    }
    await notice.getByRole('button', { name: 'Resume 3 runs' }).click();
    await notice.waitFor({ state: 'detached' });
    const again = journey.host.client();
    await expect
      .poll(async () => {
        const { running, queued, unstarted, interrupted } = await again.invoke('queue.get', {});
        return [[...running, ...queued].sort(), unstarted, interrupted];
      })
      .toEqual([[first, ...others].sort(), [], []]);
    await again.invoke('runs.stop', { ids: [first, ...others] });
    again.close();
  }, 120_000);
});
