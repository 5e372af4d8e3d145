import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { createReferenceRun, writeReferenceRun } from '../trainer/parityFixture.ts';
import { ExperimentForm } from './pages/experimentForm.ts';
import { describeInBrowser } from './support/chromium.ts';
import { useJourney } from './support/journey.ts';
import { focusedElement } from './support/keyboard.ts';
import { findLowContrast, findOverflow, findOverlaps } from './support/layout.ts';
import { tinyExperiment } from './support/tinyExperiment.ts';

const sizes = [
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
];

describeInBrowser('every view', () => {
  const journey = useJourney('tiny');

  /** Addresses of the views, with what is there when a view has loaded. */
  async function fillLab(): Promise<[view: string, loaded: (page: Page) => Promise<unknown>][]> {
    const client = journey.host.client();
    const { id } = await client.invoke('experiments.create', { document: tinyExperiment });
    await expect
      .poll(async () => (await client.invoke('experiments.get', { id })).runs.map((run) => run.state), {
        timeout: 120_000,
        interval: 250,
      })
      .toEqual(['done', 'done']);
    const folder = join(await mkdtemp(join(tmpdir(), 'normlab-reference-')), 'regression');
    await writeReferenceRun(folder, createReferenceRun());
    await client.invoke('parity.check', { path: folder });
    await expect
      .poll(async () => (await client.invoke('parity.lastReport', {}))?.ok, { timeout: 60_000, interval: 250 })
      .toBe(true);
    await rm(join(folder, '..'), { recursive: true });
    await client.invoke('queue.set', { paused: true });
    await client.invoke('experiments.create', { document: { ...tinyExperiment, name: 'Waiting', seeds: [1, 2, 3] } });
    client.close();
    return [
      ['/start', (page) => page.getByText('is ready').first().waitFor()],
      ['/experiments', (page) => page.getByRole('link', { name: tinyExperiment.name }).waitFor()],
      [`/experiments/${id}`, (page) => page.locator('table.legend').getByText('Done').nth(1).waitFor()],
      ['/new', (page) => new ExperimentForm(page).shown()],
      ['/data', (page) => page.getByText('Tiny', { exact: true }).first().waitFor()],
      ['/data/tiny', (page) => page.getByRole('heading', { name: 'Tiny' }).waitFor()],
      ['/queue', (page) => page.getByRole('table', { name: 'Queue' }).getByText('seed 3').first().waitFor()],
      [
        '/settings',
        async (page) => {
          await page.getByText('in use', { exact: true }).waitFor();
          await page.getByRole('button', { name: 'regression' }).click();
          await page.getByText('gradient of the first step').first().waitFor();
        },
      ],
    ];
  }

  it('would be found at fault: the looks at a page see what is wrong with a bad one', async () => {
    const { page } = await journey.openPage();
    await page.setContent(`
      <main style="width: 300px; overflow: auto"><div style="width: 400px">wide</div></main>
      <p style="position: absolute; top: 90px">under <b style="background: #fff">this</b></p>
      <p style="position: absolute; top: 95px">over</p>
      <p style="background: #777"><span style="color: #999">pale</span></p>`);
    expect(await findOverflow(page)).toEqual([': 400 in 300']);
    expect(await findOverlaps(page)).toEqual(['“under” and “over”']);
    expect(await findLowContrast(page)).toEqual(['1.57: “pale”']);
    await page.setContent('<button style="outline: none">plain</button>');
    await page.keyboard.press('Tab');
    expect(await focusedElement(page)).toEqual({ name: 'button plain', ring: false, inView: true });
  });

  it('fits, reads and is reached with the keyboard, in light and dark, small and large', async () => {
    const views = await fillLab();
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await journey.openPage({ colorScheme });
      await page.goto(journey.host.url);
      await page.waitForURL(/#\/experiments$/);
      for (const [view, loaded] of views) {
        await page.goto(`${journey.host.address}/#${view}`);
        await loaded(page);
        for (const size of sizes) {
          await page.setViewportSize(size);
          const where = `${view.replace(/\/\w{13}$/, '/ID')} ${colorScheme} ${size.width}`;
          expect([where, await findOverflow(page)]).toEqual([where, []]);
          expect([where, await findOverlaps(page)]).toEqual([where, []]);
          expect([where, await findLowContrast(page)]).toEqual([where, []]);
        }
      }
    }
  }, 240_000);

  it('shows where the keyboard is, and reaches every control', async () => {
    const views = await fillLab();
    const { page } = await journey.openPage();
    await page.goto(journey.host.url);
    await page.waitForURL(/#\/experiments$/);
    for (const [view, loaded] of views) {
      await page.goto(`${journey.host.address}/#${view}`);
      await loaded(page);
      const wanted = await page.evaluate(() => {
        const controls = [
          ...document.querySelectorAll<HTMLElement>('a[href], button, input, select, textarea, summary'),
        ];
        // Within one group (tabs, segments, a grid's rows) arrows lead on; rows say so with tabindex −1.
        const reachable = controls.filter(
          (control) => control.checkVisibility() && control.tabIndex >= 0 && !control.matches(':disabled'),
        );
        reachable.forEach((control, index) => (control.dataset['walk'] = String(index)));
        return reachable.length;
      });
      const reached = new Set<string>();
      for (let press = 0; press < 2 * wanted + 50 && reached.size < wanted; press += 1) {
        await page.keyboard.press('Tab');
        const focused = await focusedElement(page);
        expect([view, focused]).toMatchObject([view, { ring: true, inView: true }]);
        reached.add((await page.evaluate(() => (document.activeElement as HTMLElement).dataset['walk'])) ?? '');
        reached.delete('');
      }
      const missed = await page.evaluate(
        (found) =>
          [...document.querySelectorAll<HTMLElement>('[data-walk]')]
            .filter((control) => !found.includes(control.dataset['walk'] ?? ''))
            .map((control) => control.outerHTML.slice(0, 120)),
        [...reached],
      );
      expect([view, missed]).toEqual([view, []]);
    }
  }, 240_000);
});
