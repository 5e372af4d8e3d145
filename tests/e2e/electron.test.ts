import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { _electron } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { ensureBuilt } from '#main/launch/builtParts.ts';
import { applicationDirectory } from '#main/applicationPaths.ts';

/** Electron's program, where its download is there; on Linux only with a display. */
function findElectronFile(): string | null {
  const directory = join(applicationDirectory, 'node_modules', 'electron');
  const pathFile = join(directory, 'path.txt');
  if (!existsSync(pathFile)) return null;
  const { DISPLAY, WAYLAND_DISPLAY } = process.env;
  if (process.platform === 'linux' && !DISPLAY && !WAYLAND_DISPLAY) return null;
  const file = join(directory, 'dist', readFileSync(pathFile, 'utf8').trim());
  return existsSync(file) ? file : null;
}

const electronFile = findElectronFile();

describe.runIf(electronFile !== null)(
  electronFile === null ? 'the window (skipped: no Electron, or no display)' : 'the window',
  () => {
    it('shows the start page in a sandbox, over the contract, and closes its lab when it is quit', async () => {
      await ensureBuilt('desktop', () => undefined);
      const folder = await mkdtemp(join(tmpdir(), 'normlab-electron-'));
      const labDirectory = join(folder, 'lab');
      const application = await _electron.launch({
        executablePath: electronFile ?? '',
        args: [
          ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
          join(applicationDirectory, 'out', 'main', 'desktop.js'),
          '--lab',
          labDirectory,
        ],
        cwd: applicationDirectory,
        env: { ...process.env, XDG_CONFIG_HOME: join(folder, 'config') },
      });
      try {
        const problems: string[] = [];
        const window = await application.firstWindow();
        window.on('console', (message) => {
          if (['error', 'warning'].includes(message.type())) problems.push(message.text());
        });
        window.on('pageerror', (error) => problems.push(error.message));
        await window.getByRole('button', { name: 'Start the comparison' }).waitFor();
        await window.getByText('is ready').first().waitFor();
        expect(window.url()).toMatch(/^app:\/\/normlab\//);
        expect(await window.evaluate(() => typeof Reflect.get(globalThis, 'require'))).toBe('undefined');
        expect(await window.evaluate(() => typeof Reflect.get(globalThis, 'process'))).toBe('undefined');
        expect(problems).toEqual([]);
      } finally {
        await application.close();
      }
      expect(existsSync(join(labDirectory, 'owner.json')), 'the lab is given up').toBe(false);
      await rm(folder, { recursive: true, force: true });
    }, 180_000);
  },
);
