import type { Browser, BrowserContextOptions } from 'playwright-core';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { createTinyLabDirectory } from '../../lab/tinyLab.ts';
import { launchChromium } from './chromium.ts';
import { HostProcess } from './hostProcess.ts';
import { WatchedPage } from './watchedPage.ts';

/** What a journey goes through: a lab of its own, its host, a browser. */
export class Journey {
  browser!: Browser;
  labDirectory = '';
  host!: HostProcess;
  readonly #pages: WatchedPage[] = [];
  readonly #leftovers: (() => Promise<unknown>)[] = [];

  /** Removes something when the test is over. */
  onEnd(remove: () => Promise<unknown>): void {
    this.#leftovers.push(remove);
  }

  /** A new window without any history; its console is looked at when the test is over. */
  async openPage(options: BrowserContextOptions = {}, browser = this.browser): Promise<WatchedPage> {
    const watched = await WatchedPage.open(browser, options);
    this.#pages.push(watched);
    return watched;
  }

  async temporaryFolder(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'normlab-e2e-'));
    this.onEnd(() => rm(directory, { recursive: true, force: true }));
    return directory;
  }

  async restartHost(how: 'stop' | 'kill' = 'stop', port = 0): Promise<void> {
    await this.host[how]();
    this.host = await HostProcess.start(this.labDirectory, port);
  }

  /** Ends everything, and tells what went wrong in the pages. */
  async end(): Promise<string[]> {
    const problems = this.#pages.flatMap((page) => page.problems);
    for (const page of this.#pages.splice(0)) await page.close();
    await this.host.stop();
    for (const remove of this.#leftovers.splice(0).reverse()) await remove();
    return problems;
  }
}

/**
 * Gives every test of a file a journey with a fresh lab. Afterwards no page may have had a message in
 * its console, a violation of the content security policy or a failed request.
 * @param lab `tiny` holds the data set `tiny`, small enough to be trained on in a second.
 */
export function useJourney(lab: 'empty' | 'tiny'): Journey {
  const journey = new Journey();
  beforeAll(async () => {
    journey.browser = await launchChromium();
  }, 120_000);
  afterAll(async () => {
    await journey.browser.close();
  });
  beforeEach(async () => {
    if (lab === 'empty') journey.labDirectory = await journey.temporaryFolder();
    else {
      const tiny = await createTinyLabDirectory();
      journey.labDirectory = tiny.directory;
      journey.onEnd(tiny.remove);
    }
    journey.host = await HostProcess.start(journey.labDirectory);
  }, 120_000);
  afterEach(async () => {
    expect(await journey.end(), 'messages of the browser').toEqual([]);
  });
  return journey;
}
