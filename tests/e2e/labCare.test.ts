import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { databasePath } from '#main/store/openStore.ts';
import { trainWithFutureMethod, updateLab } from '../main/store/newerLab.ts';
import { ComparisonPage } from './pages/comparisonPage.ts';
import { ExperimentsPage } from './pages/experimentsPage.ts';
import { describeInBrowser } from './support/chromium.ts';
import { HostProcess } from './support/hostProcess.ts';
import { useJourney, type Journey } from './support/journey.ts';
import { findLowContrast, findOverflow, findOverlaps } from './support/layout.ts';
import { tinyExperiment } from './support/tinyExperiment.ts';

const banner = 'This lab was last used by a newer NormLab (version 9.9.0). It is open for reading.';

/** Trains the tiny comparison and ends the host. @returns ids of its runs. */
async function trainOnce(journey: Journey): Promise<string[]> {
  const client = journey.host.client();
  const { id } = await client.invoke('experiments.create', { document: tinyExperiment });
  const states = async (): Promise<string[]> =>
    (await client.invoke('experiments.get', { id })).runs.map((run) => run.state);
  await expect.poll(states, { timeout: 100_000 }).toEqual(['done', 'done']);
  const { runs } = await client.invoke('experiments.get', { id });
  client.close();
  await journey.host.stop();
  return runs.map((run) => run.id);
}

/** Nothing too wide, over another or hard to read, in light and dark. */
async function lookAt(page: Page, name: string): Promise<void> {
  // Notices that go away by themselves lie over the view on purpose.
  const close = page.locator('.toast-close');
  while ((await close.count()) > 0) await close.first().click();
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    // Colours change in the next frames.
    await expect.poll(() => findLowContrast(page), { message: `${name}, ${colorScheme}` }).toEqual([]);
    expect(await findOverflow(page), `${name}, ${colorScheme}`).toEqual([]);
    expect(await findOverlaps(page), `${name}, ${colorScheme}`).toEqual([]);
    const folder = process.env['NORMLAB_SCREENSHOTS'];
    if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}-${colorScheme}.png` });
  }
}

describeInBrowser('a lab that needs care', () => {
  const journey = useJourney('tiny');

  it('is shown for reading where a newer program used it last', async () => {
    await trainOnce(journey);
    updateLab(journey.labDirectory, trainWithFutureMethod);
    const folderBefore = readdirSync(journey.labDirectory).sort();
    const bytesBefore = readFileSync(databasePath(journey.labDirectory));
    await journey.restartHost();
    const folder = await journey.temporaryFolder();
    const opened = await journey.openPage();
    const { page } = opened;
    const experiments = new ExperimentsPage(page);
    await experiments.open(journey.host.urlAt('/experiments'));
    await expect.poll(() => page.getByText(banner).count()).toBe(1);
    await expect.poll(() => experiments.names()).toEqual(['Tiny comparison']);
    await lookAt(page, 'newer-experiments');

    // What changes the lab cannot be chosen; runs can be exported.
    await page.getByRole('button', { name: 'Actions for Tiny comparison' }).click();
    for (const name of ['Rename', 'Archive', 'Delete']) {
      expect(await page.getByRole('menuitem', { name }).getAttribute('aria-disabled'), name).toBe('true');
    }
    await page.getByRole('menuitem', { name: 'Export its runs…' }).click();
    const archive = join(folder, 'runs.tar');
    await page.getByRole('dialog').getByLabel('File').fill(archive);
    await page.getByRole('dialog').getByRole('button', { name: 'Export' }).click();
    await expect.poll(() => page.getByText('2 runs exported.').count()).toBeGreaterThan(0);
    expect(readdirSync(folder)).toEqual(['runs.tar']);

    // Curves are there.
    await experiments.row('Tiny comparison').getByRole('link').click();
    const comparison = new ComparisonPage(page);
    await comparison.shown();
    await comparison.waitForStates('Done');
    expect(await page.getByText(banner).count()).toBe(1);
    await lookAt(page, 'newer-comparison');
    // Also of a run whose method only the newer program knows.
    await page.getByRole('button', { name: 'Details of its runs' }).last().click();
    await expect.poll(() => page.getByRole('complementary').getByText('futureNorm').count()).toBeGreaterThan(0);
    await page.getByRole('tab', { name: 'Settings' }).click();
    await expect.poll(() => page.getByRole('complementary').getByText('futureNet').count()).toBeGreaterThan(0);
    await lookAt(page, 'newer-inspector');

    await page.goto(journey.host.urlAt('/new'));
    const start = page.getByRole('button', { name: /^Start( \d+ runs?)?$/ });
    await expect.poll(() => start.getAttribute('title')).toBe(banner);
    expect(await start.isDisabled()).toBe(true);
    await page.goto(journey.host.urlAt('/data'));
    await expect.poll(() => page.getByRole('button', { name: 'Import…' }).isDisabled()).toBe(true);

    await page.goto(journey.host.urlAt('/settings'));
    const backup = join(folder, 'lab.tar');
    await page.getByLabel('Back up into the file').fill(backup);
    await page.getByRole('button', { name: 'Back up' }).click();
    await expect.poll(() => page.getByText('The lab is backed up.').count(), { timeout: 15_000 }).toBeGreaterThan(0);
    expect(readdirSync(folder).sort()).toEqual(['lab.tar', 'runs.tar']);
    await page.getByRole('heading', { name: 'Lab', exact: true }).scrollIntoViewIfNeeded();
    await lookAt(page, 'newer-settings');

    await opened.close();
    await journey.host.stop();
    expect(readFileSync(databasePath(journey.labDirectory)).equals(bytesBefore)).toBe(true);
    expect(readdirSync(journey.labDirectory).sort()).toEqual(folderBefore);
  }, 240_000);

  it('is backed up, restored into a new folder, and repaired where it is damaged', async () => {
    const [runId = ''] = await trainOnce(journey);
    await journey.restartHost();
    const folder = await journey.temporaryFolder();
    const opened = await journey.openPage();
    const { page } = opened;
    await page.goto(journey.host.urlAt('/settings'));
    const backup = join(folder, 'lab.tar');
    await page.getByLabel('Back up into the file').fill(backup);
    await page.getByRole('button', { name: 'Back up' }).click();
    await expect.poll(() => page.getByText('The lab is backed up.').count(), { timeout: 15_000 }).toBeGreaterThan(0);

    const restored = join(folder, 'restored');
    const form = page.getByRole('form', { name: 'Restore a backup' });
    await form.getByLabel('Restore the backup').fill(join(folder, 'elsewhere.tar'));
    await form.getByLabel('Into the new folder').fill(restored);
    await form.getByRole('button', { name: 'Restore' }).click();
    await expect.poll(() => form.getByText('cannot be read').count()).toBe(1);
    await form.getByLabel('Restore the backup').fill(backup);
    await form.getByRole('button', { name: 'Restore' }).click();
    await expect.poll(() => form.getByText(`npm start -- --web --lab ${restored}`).count()).toBe(1);
    await form.scrollIntoViewIfNeeded();
    await lookAt(page, 'restored');
    const other = await HostProcess.start(restored);
    const client = other.client();
    expect((await client.invoke('experiments.list', {})).map(({ name }) => name)).toEqual(['Tiny comparison']);
    client.close();
    await other.stop();

    await opened.close();
    await journey.host.stop();
    const database = new Database(databasePath(journey.labDirectory));
    database.prepare(`UPDATE runs SET label = 'changed from outside' WHERE id = ?`).run(runId);
    database.close();
    await journey.restartHost();
    const { page: later } = await journey.openPage();
    await later.goto(journey.host.urlAt('/settings'));
    const repair = later.getByRole('button', { name: 'Repair the database' });
    await repair.scrollIntoViewIfNeeded();
    await lookAt(later, 'damaged');
    await repair.click();
    await expect
      .poll(() => later.getByText('2 runs of 1 experiment were saved into a new database.').count(), {
        timeout: 30_000,
      })
      .toBe(1);
    expect(await repair.count()).toBe(0);
    await later.getByText('What was lost or may be incomplete').click();
    expect(await later.getByRole('listitem').filter({ hasText: runId }).count()).toBe(1);
    await lookAt(later, 'repaired');
  }, 240_000);

  it('gives runs to another lab, which takes them in once', async () => {
    const ids = await trainOnce(journey);
    await journey.restartHost();
    const archive = join(await journey.temporaryFolder(), 'runs.tar');
    const client = journey.host.client();
    const { id } = await client.invoke('runs.export', { ids, path: archive });
    const isOver = async (): Promise<string | undefined> =>
      (await client.invoke('jobs.list', {})).find((job) => job.id === id)?.state;
    await expect.poll(isOver, { timeout: 30_000 }).toBe('done');
    client.close();
    const other = await HostProcess.start(await journey.temporaryFolder());
    journey.onEnd(() => other.stop());
    const { page } = await journey.openPage();
    page.setDefaultTimeout(15_000);
    await page.goto(other.urlAt('/experiments'));
    const take = async (file: string): Promise<void> => {
      await page.getByRole('button', { name: 'Import runs from another lab' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('File').fill(file);
      await dialog.getByRole('button', { name: 'Import' }).click();
    };
    await take(join(archive, 'absent.tar'));
    await page.getByRole('dialog').getByText('cannot be read').waitFor();
    const folder = process.env['NORMLAB_SCREENSHOTS'];
    if (folder !== undefined) await page.screenshot({ path: `${folder}/import-runs.png` });
    await page.keyboard.press('Escape');
    await take(archive);
    await page.getByText('2 runs imported.', { exact: true }).waitFor();
    await page.getByText('The data set “tiny” is not in this lab').last().waitFor();
    await page.getByText('Tiny comparison').first().waitFor();
    await take(archive);
    await page.getByText('2 runs were here already.').last().waitFor();
  }, 240_000);
});
