import { spawn, type ChildProcess } from 'node:child_process';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runCommandLine } from '#main/cli/program.ts';

export interface CommandResult {
  status: number;
  stdout: string;
  stderr: string;
}

class TextSink extends Writable {
  text = '';
  readonly isTTY = false;

  override _write(chunk: Buffer | string, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** Runs a command line inside this process: fast. */
export async function runHere(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  const [stdout, stderr] = [new TextSink(), new TextSink()];
  const status = await runCommandLine(args, { stdout, stderr }, { ...process.env, ...environment });
  return { status, stdout: stdout.text, stderr: stderr.text };
}

/** Starts a command line as a process of its own, as `npm run lab` does. */
export function startCommand(args: readonly string[], environment: NodeJS.ProcessEnv = {}): ChildProcess {
  const entry = fileURLToPath(new URL('../../../src/main/cli.ts', import.meta.url));
  return spawn(process.execPath, [entry, ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Waits for a started command; `onLine` gets every line of its standard output. */
export async function finishCommand(
  command: ChildProcess,
  onLine: (line: string) => void = () => undefined,
): Promise<CommandResult> {
  let stdout = '';
  let stderr = '';
  let seen = 0;
  command.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    const lines = stdout.split('\n');
    while (seen < lines.length - 1) {
      onLine(lines[seen] ?? '');
      seen += 1;
    }
  });
  command.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const status = await new Promise<number>((resolve) => {
    command.once('close', (code) => {
      resolve(code ?? -1);
    });
  });
  return { status, stdout, stderr };
}

/** The JSON lines of an output. */
export function jsonLines(text: string): ({ type: string } & Record<string, unknown>)[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string } & Record<string, unknown>);
}
