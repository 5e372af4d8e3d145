import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { applicationDirectory } from '../applicationPaths.ts';

/** An Electron that ends this soon without a quit never had a window (no sandbox, no display server, …). */
const startedAfterMs = 5000;

export interface WindowOptions {
  electronFile: string;
  labDirectory: string;
  environment: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

/**
 * Runs the desktop application until it is quit.
 * @returns Null where it ran, or why no window came up.
 */
export function runDesktopWindow(options: WindowOptions): Promise<string | null> {
  const startedAt = Date.now();
  return new Promise((resolve) => {
    const child = spawn(
      options.electronFile,
      [join(applicationDirectory, 'out', 'main', 'desktop.js'), '--lab', options.labDirectory],
      { cwd: applicationDirectory, env: options.environment, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let words = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-4000);
    });
    options.signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
    child.once('error', (error) => resolve(`Electron could not be started: ${error.message}`));
    child.once('close', (code, signal) => {
      if (code === 0 || options.signal.aborted || Date.now() - startedAt > startedAfterMs) resolve(null);
      else resolve(`Electron ended at once with ${signal ?? `status ${code}`}: ${lastLine(words)}`);
    });
  });
}

function lastLine(words: string): string {
  return words.trim().split('\n').at(-1)?.slice(0, 300) ?? '';
}
