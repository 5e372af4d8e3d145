import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { ComparisonPage } from './pages/comparisonPage.ts';
import { ExperimentForm } from './pages/experimentForm.ts';
import { ExperimentsPage } from './pages/experimentsPage.ts';
import { describeInBrowser } from './support/chromium.ts';
import { useJourney } from './support/journey.ts';
import { findLowContrast, findOverflow, findOverlaps } from './support/layout.ts';
import { longerExperiment, tinyExperiment } from './support/tinyExperiment.ts';

/** Looks at a page in both sizes; keeps pictures where someone wants to see them. */
async function lookAt(page: Page, name: string): Promise<void> {
  for (const [width, height] of [
    [1280, 800],
    [1920, 1080],
  ] as const) {
    await page.setViewportSize({ width, height });
    const where = `${name} ${width}`;
    // Colours change over a moment where the theme did.
    await expect.poll(() => findLowContrast(page)).toEqual([]);
    const folder = process.env['NORMLAB_SCREENSHOTS'];
    if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}-${width}.png`, animations: 'disabled' });
    expect([where, await findOverflow(page)]).toEqual([where, []]);
    expect([where, await findOverlaps(page)]).toEqual([where, []]);
  }
}

/** Runs a command of the palette, with the keyboard alone. */
async function command(page: Page, text: string): Promise<void> {
  await page.keyboard.press('Control+k');
  await page.keyboard.type(text);
  await page.getByRole('option', { name: text }).first().waitFor();
  await page.keyboard.press('Enter');
}

describeInBrowser('what is done with runs where one looks at them', () => {
  const journey = useJourney('tiny');

  it('adds seeds to the comparison that is looked at, after saying what they take', async () => {
    const client = journey.host.client();
    const { id } = await client.invoke('experiments.create', { document: tinyExperiment });
    const { page } = await journey.openPage();
    await page.goto(journey.host.urlAt(`/experiments/${id}`));
    const comparison = new ComparisonPage(page);
    await comparison.waitForStates('Done');
    await page.getByRole('button', { name: 'Actions for this view' }).click();
    await page.getByRole('menuitem', { name: 'Add seeds' }).click();
    const dialog = page.getByRole('dialog', { name: 'Add seeds' });
    const field = dialog.getByLabel('Further seeds');
    await expect.poll(() => field.inputValue()).toBe('2, 3, 4');
    await dialog.getByRole('button', { name: 'Add 6 runs' }).waitFor();
    // Runs of this kind were timed just now.
    await expect.poll(() => dialog.locator('dl').innerText()).toMatch(/Time here\s+(about|under) /);
    await lookAt(page, 'add-seeds');
    await field.fill('1');
    await dialog.getByText('This seed is there already.').waitFor();
    expect(await dialog.getByRole('button', { name: /^Add/ }).isDisabled()).toBe(true);
    await field.fill('2');
    await dialog.getByRole('button', { name: 'Add 2 runs' }).waitFor();
    await field.press('Enter');
    await dialog.waitFor({ state: 'hidden' });
    await expect
      .poll(async () => (await comparison.rows()).map(({ count, state }) => [count, state]), { timeout: 100_000 })
      .toEqual([
        ['2', 'Done'],
        ['2', 'Done'],
      ]);
    // The same experiment, not another one.
    expect(await client.invoke('experiments.list', {})).toMatchObject([{ id, seeds: [1, 2] }]);

    const experiments = new ExperimentsPage(page);
    await experiments.open(journey.host.urlAt('/experiments'));
    await experiments.act(tinyExperiment.name, 'Add seeds…');
    await expect.poll(() => field.inputValue()).toBe('3, 4, 5');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    client.close();
  }, 200_000);

  it('pauses, resumes and stops runs from inspector, legend, title line and palette', async () => {
    const client = journey.host.client();
    const { id, runs } = await client.invoke('experiments.create', { document: longerExperiment(5000, 500) });
    const [first = '', second = ''] = runs.map((run) => run.id);
    const states = async (): Promise<string[]> =>
      (await client.invoke('runs.find', { ids: [id] })).map((run) => run.state);
    const { page } = await journey.openPage({ colorScheme: 'dark' });
    await page.goto(journey.host.urlAt(`/experiments/${id}`));
    const comparison = new ComparisonPage(page);
    await comparison.waitForLiveCurve();
    const inspector = page.getByRole('complementary', { name: 'Details of the runs' });
    await page.getByRole('button', { name: 'Show details' }).click();

    // The one that trains: with a checkpoint, from which it goes on; the queue goes on with the next meanwhile.
    await inspector.getByRole('button', { name: 'Pause' }).click();
    await inspector.getByText(/^Paused at step \d+\. Resumed, it waits for its turn/).waitFor();
    await expect.poll(states).toEqual(['paused', 'running']);
    const { checkpoints, progress } = await client.invoke('runs.get', { id: first });
    expect(checkpoints[0]?.step).toBe(progress?.step);
    await inspector.getByRole('button', { name: 'Resume' }).click();
    await inspector.getByText('Number 1 in the queue.').waitFor();

    const row = comparison.legend.getByRole('button', { name: 'Actions for No normalization' });
    await row.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('menuitem', { name: 'Stop' }).click();
    await expect.poll(states).toEqual(['running', 'stopped']);
    // Of the two, one can be paused and one can go on.
    await command(page, 'Pause the runs of this view');
    await expect.poll(states).toEqual(['paused', 'stopped']);
    await page.getByRole('button', { name: 'Resume 2' }).click();
    await expect.poll(async () => (await states()).toSorted()).toEqual(['queued', 'running']);
    await page.getByRole('button', { name: 'Stop 2' }).click();
    await expect.poll(states).toEqual(['stopped', 'stopped']);
    expect((await client.invoke('runs.get', { id: second })).checkpoints.length).toBeGreaterThan(0);

    await client.invoke('runs.resume', { ids: [first] });
    await comparison.waitForLiveCurve();
    const kept = inspector.getByRole('table').filter({ hasText: 'Kept as' }).locator('tbody tr');
    const shownSteps = async (): Promise<number[]> =>
      (await kept.locator('th').allInnerTexts()).map((text) => Number(text.replace(/\D/g, '')));
    const storedSteps = async (): Promise<number[]> =>
      (await client.invoke('runs.get', { id: first })).checkpoints.map(({ step }) => step);
    expect((await shownSteps()).length).toBeGreaterThan(1);
    expect(await kept.first().innerText()).toContain('latest');
    for (const tab of ['Overview', 'Machine']) {
      await inspector.getByRole('tab', { name: tab }).click();
      if (tab === 'Machine') await inspector.getByText('While it trains').waitFor();
      for (const colorScheme of ['dark', 'light'] as const) {
        await page.emulateMedia({ colorScheme });
        await lookAt(page, `run-${tab.toLowerCase()}-${colorScheme}`);
      }
    }
    await client.invoke('runs.stop', { ids: [first] });
    await inspector.getByRole('tab', { name: 'Overview' }).click();
    await inspector.getByText(/^Stopped at step/).waitFor();
    await expect
      .poll(async () => JSON.stringify(await shownSteps()) === JSON.stringify(await storedSteps()))
      .toBe(true);

    await inspector.getByRole('button', { name: 'More actions for this run' }).click();
    await page.getByRole('menuitem', { name: 'Clone and edit' }).click();
    const form = new ExperimentForm(page);
    await form.shown();
    await expect.poll(() => form.values(['Batch size', 'Seeds', 'Length'])).toEqual(['8', '1', '5000']);
    await page.goBack();
    await comparison.shown();
    await command(page, 'Clone and edit');
    await form.shown();
    client.close();
  }, 200_000);
});
