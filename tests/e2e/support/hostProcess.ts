import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createHttpClient, type HttpLabClient } from '#shared/transport/httpClient.ts';
import type { HttpRequest } from '#shared/transport/platform.ts';

const entry = fileURLToPath(new URL('../../../src/main/cli.ts', import.meta.url));

/** No host outlives the tests, however they end. */
function endWithThisProcess(child: ChildProcess): void {
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
}

/** The web host as people start it: a process of its own, `start --web --no-open`. */
export class HostProcess {
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  readonly port: number;
  readonly token: string;
  readonly #child: ChildProcess;
  readonly #output: { text: string };

  private constructor(child: ChildProcess, output: { text: string }, address: string, token: string) {
    this.#child = child;
    this.#output = output;
    this.address = address;
    this.port = Number(new URL(address).port);
    this.token = token;
  }

  /** Starts a host and waits for its ready line. */
  static async start(labDirectory: string, port = 0): Promise<HostProcess> {
    const child = spawn(
      process.execPath,
      [entry, 'start', '--web', '--no-open', '--port', String(port), '--lab', labDirectory],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    endWithThisProcess(child);
    const output = { text: '' };
    const ready = Promise.withResolvers<RegExpExecArray>();
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output.text += text;
        const match = /^NormLab is ready at (http:\/\/127\.0\.0\.1:\d+)\/#token=([\w-]{43})$/m.exec(output.text);
        if (match) ready.resolve(match);
      });
    }
    child.once('close', (code) => ready.reject(new Error(`The host ended with ${code}: ${output.text}`)));
    const [, address = '', token = ''] = await ready.promise;
    return new HostProcess(child, output, address, token);
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Everything that it printed. */
  get output(): string {
    return this.#output.text;
  }

  /** The page's address, with its token. */
  get url(): string {
    return this.urlAt('/');
  }

  /** The address of a view, as `/experiments`, with the token. */
  urlAt(view: string, origin = this.address): string {
    return `${origin}/#${view === '/' ? '' : view}&token=${this.token}`.replace('#&', '#');
  }

  client(): HttpLabClient {
    return createHttpClient({
      fetch: (url: string, request: HttpRequest) => fetch(url, request as RequestInit),
      address: this.address,
      token: this.token,
    });
  }

  /** Ends it as Ctrl+C does: trainers write checkpoints first. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill(signal);
    await ended;
  }
}
