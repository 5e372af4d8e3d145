import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createBatch } from '../main/datasets/cifar10Fixture.ts';
import { DataPage } from './pages/dataPage.ts';
import { StartPage } from './pages/startPage.ts';
import { packFolder, writeCifar10 } from './support/cifar10Archive.ts';
import { describeInBrowser } from './support/chromium.ts';
import { useJourney } from './support/journey.ts';

describeInBrowser('importing CIFAR-10', () => {
  const journey = useJourney('empty');

  it('looks at a dropped archive first, imports it, and says what is wrong with a cut file', async () => {
    const folder = await journey.temporaryFolder();
    const batches = join(folder, 'cifar-10-batches-bin');
    const archive = join(folder, 'cifar-10-binary.tar.gz');
    await writeCifar10(batches);
    await packFolder(folder, 'cifar-10-batches-bin', archive);

    const { page } = await journey.openPage();
    const start = new StartPage(page);
    await start.open(journey.host.url);
    await start.importButton.click();
    const data = new DataPage(page);
    await page.waitForURL(/#\/data/);
    await page.keyboard.press('Escape');
    await data.drop(archive);
    await data.waitForInspection();
    const found = await data.sheet.innerText();
    expect(found).toContain('cifar-10-binary.tar.gz');
    expect(found).toMatch(/50\s?000 training and 10\s?000 validation images/);
    for (const name of ['airplane', 'truck']) expect(found).toContain(name);
    expect(found.match(/\b5\s?000\b/g)).toHaveLength(10);
    await data.import();
    const client = journey.host.client();
    const [imported] = await client.invoke('datasets.list', {});
    expect(imported).toMatchObject({ name: 'CIFAR-10', training: { count: 50_000 }, validation: { count: 10_000 } });
    expect(await client.invoke('datasets.verify', { id: imported?.id ?? '' })).toMatchObject({ ok: true });
    await page.keyboard.press('Escape');
    await expect.poll(() => data.names()).toEqual(['CIFAR-10']);

    // By path: one batch is cut short, and then it is mended.
    const cut = join(batches, 'data_batch_3.bin');
    await truncate(cut, 3073 * 10_000 - 1000);
    await data.open(journey.host.urlAt('/data'));
    await data.lookAt(batches);
    const alert = data.sheet.getByRole('alert');
    await alert.waitFor();
    expect(await alert.innerText()).toMatch(
      /“data_batch_3\.bin” is cut short\. It has 30729000 bytes: 9999 whole records/,
    );
    expect(await data.names(), 'nothing changed').toEqual(['CIFAR-10']);
    await writeFile(cut, createBatch('data_batch_3.bin'));
    await data.sheet.getByRole('button', { name: 'Try again' }).click();
    await data.waitForInspection();
    await data.import();
    await page.keyboard.press('Escape');
    // Other pixels in one batch: another data set, beside the first.
    await expect.poll(async () => (await data.names()).length).toBe(2);
    client.close();
  }, 400_000);
});
