import { expect, it } from 'vitest';
import { ComparisonPage } from './pages/comparisonPage.ts';
import { ExperimentForm } from './pages/experimentForm.ts';
import { describeInBrowser } from './support/chromium.ts';
import { useJourney } from './support/journey.ts';
import { tabTo } from './support/keyboard.ts';

describeInBrowser('a new experiment', () => {
  const journey = useJourney('tiny');

  it('is written with the keyboard alone, survives reload and restart, and starts with Ctrl+Enter', async () => {
    const first = await journey.openPage();
    let { page } = first;
    await page.goto(journey.host.url);
    await page.waitForURL(/#\/start$/);
    await page.keyboard.press('Control+k');
    await page.getByRole('dialog', { name: 'Find anything' }).waitFor();
    await page.keyboard.type('new experiment');
    await page.getByRole('option', { name: 'New experiment' }).waitFor();
    await page.keyboard.press('Enter');
    let form = new ExperimentForm(page);
    await form.shown();

    await tabTo(page, form.field('Width multiplier'));
    await page.keyboard.type('0.125');
    await tabTo(page, form.field('Batch size'));
    await page.keyboard.type('minus');
    await expect.poll(() => form.problemOf('Batch size')).toMatch(/number/i);
    await page.keyboard.press('Control+Enter');
    // It does not start, and the cursor is where the problem is.
    await expect.poll(() => form.field('Batch size').evaluate((input) => input === document.activeElement)).toBe(true);
    expect(page.url()).toMatch(/#\/new$/);
    await page.keyboard.press('Control+a');
    await page.keyboard.type('8');
    await expect.poll(() => form.problemOf('Batch size')).toBe('');
    await tabTo(page, form.field('Length'));
    await page.keyboard.press('Control+a');
    await page.keyboard.type('2');
    await tabTo(page, form.field('Name'));
    await page.keyboard.type('By keyboard');

    const labels = ['Width multiplier', 'Batch size', 'Length', 'Name'];
    const typed = ['0.125', '8', '2', 'By keyboard'];
    await page.reload();
    await form.shown();
    await expect.poll(() => form.values(labels)).toEqual(typed);

    const client = journey.host.client();
    const kept = async (): Promise<unknown> => client.invoke('memory.get', { key: 'draft/new-experiment' });
    await expect.poll(kept).toMatchObject({ name: 'By keyboard' });
    client.close();
    await first.context.close();
    await journey.restartHost();
    ({ page } = await journey.openPage());
    await page.goto(journey.host.urlAt('/new'));
    form = new ExperimentForm(page);
    await form.shown();
    await expect.poll(() => form.values(labels)).toEqual(typed);

    await page.keyboard.press('Control+Enter');
    const comparison = new ComparisonPage(page);
    await comparison.shown();
    await comparison.waitForStates('Done');
    const created = await journey.host.client().invoke('experiments.get', { id: comparison.experimentId });
    expect(created.document).toMatchObject({
      name: 'By keyboard',
      base: {
        architecture: { widthMultiplier: 0.125 },
        batchSize: 8,
        length: { unit: 'epochs', value: 2 },
      },
    });
  }, 300_000);

  it('gives single layers methods of their own where they are drawn, and dropout', async () => {
    const { page } = await journey.openPage();
    await page.goto(journey.host.urlAt('/new'));
    const form = new ExperimentForm(page);
    await form.shown();
    const slot = (layer: string) => page.getByRole('button', { name: new RegExp(` behind ${layer}$`) });
    const choose = async (layer: string, method: string): Promise<void> => {
      await page.getByRole('combobox', { name: `Method of ${layer}` }).selectOption({ label: method });
    };
    await choose('conv2', 'Group normalization');
    await choose('conv3', 'No normalization');
    await expect.poll(() => slot('conv2').innerText()).toMatch(/^GN\s+its own/);
    await expect.poll(() => slot('conv3').getAttribute('aria-pressed')).toBe('false');
    await form.field('Groups').fill('7');
    await page
      .getByText(/cannot be divided into 7 groups/)
      .first()
      .waitFor();
    await form.field('Groups').fill('2');
    await expect.poll(() => page.getByText(/cannot be divided/).count()).toBe(0);
    // A click takes a layer's own method away again.
    await slot('conv3').click();
    await expect.poll(() => slot('conv3').getAttribute('aria-pressed')).toBe('true');
    await form.field('Dropout ratio').fill('0.25');
    const draft = async (): Promise<unknown> => {
      const client = journey.host.client();
      const value: unknown = await client.invoke('memory.get', { key: 'draft/new-experiment' });
      client.close();
      return value;
    };
    await expect
      .poll(draft)
      .toMatchObject({ base: { layerMethods: { conv2: { id: 'groupNorm', groups: 2 } }, dropout: { ratio: 0.25 } } });
  }, 120_000);
});
