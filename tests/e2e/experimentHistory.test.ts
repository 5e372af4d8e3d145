import { expect, it } from 'vitest';
import { ExperimentsPage } from './pages/experimentsPage.ts';
import { ComparisonPage } from './pages/comparisonPage.ts';
import { ExperimentForm } from './pages/experimentForm.ts';
import { describeInBrowser } from './support/chromium.ts';
import { useJourney } from './support/journey.ts';
import { tinyExperiment } from './support/tinyExperiment.ts';

const experiment = { ...tinyExperiment, vary: [] };

describeInBrowser('the history of experiments', () => {
  const journey = useJourney('tiny');

  it('is renamed, cloned, archived and deleted, each undone, and outlives the host', async () => {
    const client = journey.host.client();
    for (const name of ['First', 'Second', 'Third']) {
      await client.invoke('experiments.create', { document: { ...experiment, name } });
    }
    const first = await journey.openPage();
    let experiments = new ExperimentsPage(first.page);
    await experiments.open(journey.host.urlAt('/experiments'));
    await expect.poll(() => experiments.names()).toEqual(['Third', 'Second', 'First']);
    await experiments.waitForStates('Done');

    await experiments.rename('First', 'Renamed');
    await expect.poll(() => experiments.names()).toEqual(['Third', 'Second', 'Renamed']);

    await experiments.act('Second', 'Archive');
    await expect.poll(() => experiments.names()).toEqual(['Third', 'Renamed']);
    await experiments.undo('“Second” archived');
    await expect.poll(() => experiments.names()).toEqual(['Third', 'Second', 'Renamed']);
    await experiments.act('Second', 'Archive');
    await expect.poll(() => experiments.names()).toEqual(['Third', 'Renamed']);

    await experiments.act('Third', 'Delete');
    await expect.poll(() => experiments.names()).toEqual(['Renamed']);
    await experiments.undo('“Third” deleted');
    await expect.poll(() => experiments.names()).toEqual(['Third', 'Renamed']);
    await experiments.act('Third', 'Delete');
    await expect.poll(() => experiments.names()).toEqual(['Renamed']);

    await experiments.act('Renamed', /^Clone/);
    const form = new ExperimentForm(first.page);
    await form.shown();
    await expect.poll(() => form.values(['Batch size', 'Length'])).toEqual(['8', '20']);
    await form.field('Name').fill('Clone');
    await form.field('Batch size').fill('4');
    await first.page.keyboard.press('Control+Enter');
    const comparison = new ComparisonPage(first.page);
    await comparison.shown();
    await comparison.waitForStates('Done');
    const { document } = await client.invoke('experiments.get', { id: comparison.experimentId });
    expect(document).toMatchObject({
      ...experiment,
      name: 'Clone',
      base: { ...tinyExperiment.base, batchSize: 4 },
    });

    client.close();
    await first.context.close();
    await journey.restartHost();
    const { page } = await journey.openPage();
    experiments = new ExperimentsPage(page);
    await experiments.open(journey.host.urlAt('/experiments'));
    await expect.poll(() => experiments.names()).toEqual(['Clone', 'Renamed']);
    await page
      .getByRole('radio', { name: 'Archive' })
      .or(page.getByRole('button', { name: 'Archive', exact: true }))
      .click();
    await expect.poll(() => experiments.names()).toEqual(['Second']);
  }, 300_000);

  it('is walked through with the keyboard, also where most rows are not there yet', async () => {
    const client = journey.host.client();
    await client.invoke('queue.set', { paused: true });
    const names = Array.from({ length: 60 }, (_, index) => `Sweep ${index}`);
    for (const name of names) await client.invoke('experiments.create', { document: { ...experiment, name } });
    client.close();
    const { page } = await journey.openPage();
    await page.goto(journey.host.urlAt('/experiments'));
    const row = (name: string) => page.getByRole('row', { name, exact: false }).filter({ hasText: name });
    await row('Sweep 59').first().click();
    expect(await row('Sweep 0').count()).toBe(0);
    const focused = (): Promise<string | undefined> =>
      page.evaluate(() => /Sweep \d+/.exec((document.activeElement as HTMLElement).innerText)?.[0]);
    for (const [key, name] of [
      ['End', 'Sweep 0'],
      ['PageUp', 'Sweep 10'],
      ['Home', 'Sweep 59'],
      ['PageDown', 'Sweep 49'],
      ['PageDown', 'Sweep 39'],
      ['PageDown', 'Sweep 29'],
      ['ArrowDown', 'Sweep 28'],
    ] as const) {
      await page.keyboard.press(key);
      await expect.poll(focused).toBe(name);
    }
  });
});
