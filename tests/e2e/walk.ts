import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page, Request } from 'playwright-core';
import { ComparisonPage } from './pages/comparisonPage.ts';
import { StartPage } from './pages/startPage.ts';
import { launchChromium } from './support/chromium.ts';
import { HostProcess } from './support/hostProcess.ts';
import { quantizePng } from './support/png.ts';
import { WatchedPage } from './support/watchedPage.ts';

/**
 * A newcomer's walk through the real application, from first start to restart, with a picture of each
 * station; prints clicks and seconds. The pictures are those of the documentation.
 */
const pictures = fileURLToPath(new URL('../../docs/walk/', import.meta.url));
const small = { width: 1280, height: 800 };
const large = { width: 1920, height: 1080 };

let clicks = 0;
let startedAt = 0;
const log: { station: string; seconds: number; clicks: number }[] = [];

function reach(station: string): void {
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  log.push({ station, seconds, clicks });
  process.stdout.write(`${station}: ${clicks} clicks, ${seconds.toFixed(1)} s\n`);
}

/** Waits until the page asks for nothing more and has drawn what came. */
async function whenQuiet(page: Page, quietMs = 700): Promise<void> {
  let quietSince = performance.now();
  const pending = new Set<unknown>();
  const begin = (request: Request): void => {
    if (request.url().includes('/invoke/')) pending.add(request);
  };
  const end = (request: Request): void => {
    pending.delete(request);
    quietSince = performance.now();
  };
  page.on('request', begin).on('requestfinished', end).on('requestfailed', end);
  while (pending.size > 0 || performance.now() - quietSince < quietMs) await page.waitForTimeout(50);
  page.off('request', begin).off('requestfinished', end).off('requestfailed', end);
}

async function picture(page: Page, name: string, { quiet = true, soft = false } = {}): Promise<void> {
  // The pointer is out of the way, so that nothing is drawn as hovered.
  await page.mouse.move(640, 2);
  if (quiet) await whenQuiet(page);
  const png = await page.screenshot({ animations: 'disabled', caret: 'hide' });
  await writeFile(join(pictures, `${name}.png`), soft ? png : quantizePng(png));
}

/** Counts what a person does with the mouse. */
async function countClicks(page: Page): Promise<void> {
  await page.exposeFunction('countClick', () => (clicks += 1));
  await page.addInitScript(() => {
    addEventListener('click', () => (window as unknown as { countClick: () => void }).countClick(), true);
  });
}

async function inOtherLooks(
  browser: Browser,
  url: string,
  stations: [name: string, ready: (page: Page) => Promise<void>],
) {
  const [name, ready] = stations;
  for (const [colorScheme, size] of [
    ['dark', small],
    ['light', large],
    ['dark', large],
  ] as const) {
    const watched = await WatchedPage.open(browser, { colorScheme, viewport: size });
    await watched.page.goto(url);
    await ready(watched.page);
    await picture(watched.page, `${name}-${colorScheme}-${size.width}`);
    await watched.close();
  }
}

await mkdir(pictures, { recursive: true });
const labDirectory = await mkdtemp(join(tmpdir(), 'normlab-walk-'));
const browser = await launchChromium();
let host: HostProcess | null = null;
try {
  startedAt = performance.now();
  host = await HostProcess.start(labDirectory);
  const watched = await WatchedPage.open(browser, { viewport: small });
  const { page } = watched;
  await countClicks(page);
  const start = new StartPage(page);
  await start.open(host.url);
  reach('first start');
  await picture(page, '1-first-start');

  const comparison = await start.compare();
  await comparison.waitForLiveCurve();
  reach('first curve');
  // Both curves are there, and one of them still grows.
  await page.waitForFunction(
    () => {
      const cells = [...document.querySelectorAll<HTMLElement>('table.legend tbody tr')].map((row) => row.innerText);
      return (
        cells.some((text) => /Running [3-9]\d/.test(text)) && cells.every((text) => !/Waiting|Preparing/.test(text))
      );
    },
    undefined,
    { timeout: 600_000 },
  );
  reach('both curves');
  await picture(page, '2-comparison-running', { quiet: false });
  await comparison.waitForStates('Done', 600_000);
  reach('finished');
  await picture(page, '3-finished');

  await page.getByRole('button', { name: 'Export', exact: true }).click();
  await page.getByRole('dialog').getByRole('img', { name: 'Preview of the file' }).waitFor();
  // The shadow of a dialog has more shades than a palette.
  await picture(page, '4-export', { soft: true });
  await page.keyboard.press('Escape');
  clicks -= 1;
  const png = await comparison.export('PNG');
  await writeFile(join(pictures, '5-exported.png'), quantizePng(png.bytes));
  reach('exported PNG');
  const csv = await comparison.export('CSV');
  await writeFile(join(pictures, '5-exported.csv'), csv.bytes);
  reach('exported CSV');
  const { experimentId } = comparison;
  await watched.close();
  await host.stop();

  host = await HostProcess.start(labDirectory);
  const again = await WatchedPage.open(browser, { viewport: small });
  await again.page.goto(host.url);
  await again.page.getByRole('link', { name: 'BN against no normalization' }).waitFor();
  reach('restarted');
  await picture(again.page, '6-restarted');
  const problems = [...watched.problems, ...again.problems];
  await again.close();

  const settled = async (shown: Page): Promise<void> => {
    await new ComparisonPage(shown).waitForStates('Done');
  };
  await inOtherLooks(browser, host.urlAt(`/experiments/${experimentId}`), ['3-finished', settled]);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  await writeFile(join(pictures, 'walk.json'), `${JSON.stringify(log, null, 2)}\n`);
} finally {
  await browser.close();
  await host?.stop();
  await rm(labDirectory, { recursive: true, force: true });
}
