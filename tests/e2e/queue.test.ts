import { expect, it } from 'vitest';
import { describeInBrowser } from './support/chromium.ts';
import { useJourney } from './support/journey.ts';
import { tinyExperiment } from './support/tinyExperiment.ts';

const experiment = { ...tinyExperiment, name: 'Weekend', vary: [], seeds: [1, 2, 3] };

describeInBrowser('the queue', () => {
  const journey = useJourney('tiny');

  it('is filled while paused, put in order, and trained when it goes on', async () => {
    const client = journey.host.client();
    await client.invoke('queue.set', { paused: true });
    const { runs } = await client.invoke('experiments.create', { document: experiment });
    const [first = '', second = '', third = ''] = runs.map((run) => run.id);
    const { page, context } = await journey.openPage();
    page.setDefaultTimeout(10_000);
    await page.goto(journey.host.urlAt('/queue'));
    const table = page.getByRole('table', { name: 'Queue' });
    const seeds = async (): Promise<(string | undefined)[]> =>
      (await table.getByText(/seed \d$/).allTextContents()).map((text) => text.trim().at(-1));
    await expect.poll(seeds, { timeout: 15_000 }).toEqual(['1', '2', '3']);
    await expect.poll(() => page.getByText('nothing new starts').count()).toBe(1);
    const button = (name: RegExp) => table.getByRole('button', { name });

    // With the keyboard alone.
    await button(/^Move up: .*seed 3$/).focus();
    await page.keyboard.press('Enter');
    await expect.poll(seeds, { timeout: 15_000 }).toEqual(['1', '3', '2']);
    await table.getByRole('combobox', { name: /seed 2$/ }).selectOption({ label: 'High' });
    await expect.poll(seeds, { timeout: 15_000 }).toEqual(['2', '1', '3']);
    await button(/^Pause: .*seed 1$/).click();
    await expect.poll(() => button(/^Resume: .*seed 1$/).count()).toBe(1);
    expect((await client.invoke('queue.get', {})).queued).toEqual([second, third]);
    for (const [width, height] of [
      [1280, 800],
      [1920, 1080],
    ] as const) {
      await page.setViewportSize({ width, height });
      const folder = process.env['NORMLAB_SCREENSHOTS'];
      if (folder !== undefined) await page.screenshot({ path: `${folder}/queue-${width}.png` });
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    }
    await page.getByLabel('Train at once').selectOption('2');
    await expect.poll(async () => (await client.invoke('queue.get', {})).settings.trainersAtOnce).toBe(2);

    await page.getByRole('button', { name: 'Resume the queue' }).click();
    const stateOf = async (id: string): Promise<string> => (await client.invoke('runs.get', { id })).state;
    await expect
      .poll(async () => [await stateOf(second), await stateOf(third)], { timeout: 100_000 })
      .toEqual(['done', 'done']);
    expect(await stateOf(first)).toBe('paused');
    await button(/^Resume: .*seed 1$/).click();
    await expect.poll(() => stateOf(first), { timeout: 100_000 }).toBe('done');
    await expect.poll(() => page.getByText('Nothing is in the queue').count()).toBe(1);
    client.close();
    await context.close();
  }, 240_000);

  it('is said to have stopped wherever the person is, with the way to it', async () => {
    const { page, context } = await journey.openPage();
    page.setDefaultTimeout(10_000);
    const message = '3 runs in a row ended before their first step.';
    const halted = { code: 'trainerLost', message, hint: 'Start the queue when the cause is mended.' };
    await page.route('**/invoke/queue.get', async (route) => {
      const response = await route.fetch();
      const { result } = (await response.json()) as { result: object };
      await route.fulfill({ response, json: { result: { ...result, halted } } });
    });
    await page.goto(journey.host.urlAt('/data'));
    const notice = page.getByRole('alert').filter({ hasText: message });
    await notice.waitFor();
    expect(await page.getByRole('contentinfo').textContent()).toContain('Queue stopped');
    const folder = process.env['NORMLAB_SCREENSHOTS'];
    if (folder !== undefined) await page.screenshot({ path: `${folder}/queue-stopped.png` });
    await notice.getByRole('link', { name: 'Open the queue' }).click();
    await page.waitForURL(/#\/queue/);
    await notice.getByRole('button', { name: 'Put this notice away' }).click();
    expect(await notice.count()).toBe(0);
    await context.close();
  });
});
