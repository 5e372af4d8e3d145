import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { ComparisonPage, readChartCsv } from './pages/comparisonPage.ts';
import { StartPage } from './pages/startPage.ts';
import { describeInBrowser } from './support/chromium.ts';
import { useJourney } from './support/journey.ts';
import { storedCurves } from './support/storedCurves.ts';

const cli = fileURLToPath(new URL('../../src/main/cli.ts', import.meta.url));

/** The quickstart at a size that a test has time for; everything else is as people have it. */
async function shrinkExperiments(page: Page): Promise<void> {
  await page.route('**/invoke/experiments.create', async (route) => {
    const { document } = route.request().postDataJSON() as { document: { base: Record<string, unknown> } };
    Object.assign(document.base, {
      dataset: { id: 'example', trainingImages: 256, validationImages: 64 },
      architecture: { id: 'paper-cnn', widthMultiplier: 0.125 },
      batchSize: 16,
      length: { unit: 'steps', value: 60 },
      evaluation: { every: { unit: 'steps', value: 10 }, batchSize: 64 },
    });
    await route.continue({ postData: JSON.stringify({ document }) });
  });
}

describeInBrowser('a newcomer', () => {
  const journey = useJourney('empty');

  it('starts a live comparison with one click, exports it, and finds it after a restart', async () => {
    const first = await journey.openPage();
    const { page } = first;
    await shrinkExperiments(page);
    const start = new StartPage(page);
    await start.open(journey.host.url);
    expect(page.url(), 'the token stays out of the address').not.toContain('token');
    const checks = await start.checks();
    expect(checks.map((line) => line.split('\n')[0])).toEqual(['Engine', 'Device', 'Memory', 'Disk']);

    const comparison = await start.compare();
    await comparison.waitForLiveCurve();
    await comparison.waitForStates('Done');
    expect((await comparison.rows()).map(({ name, count }) => [name, count])).toEqual([
      ['Batch normalization', '1'],
      ['No normalization', '1'],
    ]);

    const png = await comparison.export('PNG');
    expect(png.name).toMatch(/^bn-against-no-normalization-validation-loss\.png$/);
    expect(png.bytes.subarray(0, 8)).toEqual(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]));
    // IHDR: the page width of 648 × 400 pixels, twice.
    expect([png.bytes.readUInt32BE(16), png.bytes.readUInt32BE(20)]).toEqual([1296, 800]);

    const client = journey.host.client();
    const { runs } = await client.invoke('experiments.get', { id: comparison.experimentId });
    const svg = (await comparison.export('SVG')).bytes.toString('utf8');
    expect(svg).toMatch(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n<svg [^>]*width="648" height="400"/);
    for (const run of runs) {
      const { documentHash } = await client.invoke('runs.get', { id: run.id });
      expect(svg).toContain(run.id);
      expect(svg).toContain(documentHash);
    }

    const stored = await storedCurves(client, comparison.experimentId, 'validation/loss');
    expect([...stored.values()].map((points) => points.map(({ x }) => x))).toEqual(
      [1, 2].map(() => [10, 20, 30, 40, 50, 60]),
    );
    expect(readChartCsv((await comparison.export('CSV')).bytes)).toEqual(stored);
    await comparison.showMetric('Training loss');
    const training = readChartCsv((await comparison.export('CSV')).bytes);
    expect(training).toEqual(await storedCurves(client, comparison.experimentId, 'train/loss'));
    client.close();
    await comparison.showMetric('Validation loss');
    const rows = await comparison.rows();

    // The command line tells the same of the same lab, as a client of the host.
    const ids = runs.map((run) => run.id);
    const args = [cli, 'runs', 'export', ...ids, '--format', 'csv', '--lab', journey.labDirectory];
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 64 * 1024 ** 2 });
    const exported = stdout.split('\r\n').filter((line) => line.includes(',train/loss,'));
    const values = exported.map((line) => Number(line.split(',').at(-1)));
    expect(values).toEqual([...training.values()].flat().map(({ value }) => value));

    await first.context.close();
    await journey.restartHost();
    const later = await journey.openPage();
    await later.page.goto(journey.host.url);
    await later.page.waitForURL(/#\/experiments$/);
    await later.page.getByRole('link', { name: 'BN against no normalization' }).click();
    const again = new ComparisonPage(later.page);
    await again.shown();
    await again.waitForStates('Done');
    await expect.poll(() => again.rows()).toEqual(rows);
    await again.showMetric('Training loss');
    expect(readChartCsv((await again.export('CSV')).bytes)).toEqual(training);
  }, 400_000);
});
