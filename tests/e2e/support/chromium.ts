import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';
import { describe, expect, it } from 'vitest';

const candidates = [process.env['NORMLAB_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/google-chrome'];

/** The browser that tests drive: the one that NORMLAB_CHROMIUM names, else this system's; null where there is none. */
export const chromiumFile = candidates.find((file) => file && existsSync(file)) ?? null;

/** @param extraArguments Command line switches beside those of every test. */
export async function launchChromium(extraArguments: readonly string[] = []): Promise<Browser> {
  if (chromiumFile === null) throw new Error('There is no Chromium; name one with NORMLAB_CHROMIUM.');
  return chromium.launch({
    executablePath: chromiumFile,
    headless: true,
    args: [
      // Chromium has no sandbox for root, which containers usually are.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--headless=new',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...extraArguments,
    ],
  });
}

/**
 * `describe` for tests that need a browser: skipped by name where there is none, a failure there where
 * NORMLAB_REQUIRE_BROWSER says that one has to be.
 */
export function describeInBrowser(title: string, define: () => void): void {
  if (chromiumFile !== null) describe(title, define);
  else if (process.env['NORMLAB_REQUIRE_BROWSER'] === '1') {
    describe(title, () => {
      it('finds Chromium', () => {
        expect.fail('NORMLAB_REQUIRE_BROWSER is 1, but there is no Chromium.');
      });
    });
  } else describe.skip(`${title} (skipped: no Chromium)`, define);
}
