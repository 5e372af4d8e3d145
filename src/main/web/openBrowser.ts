import { spawn } from 'node:child_process';

const [browserCommand, ...browserArguments] = ((): [string, ...string[]] => {
  switch (process.platform) {
    case 'darwin':
      return ['open'];
    case 'win32':
      return ['rundll32', 'url.dll,FileProtocolHandler'];
    default:
      return ['xdg-open'];
  }
})();

/** Shows an address in this user's browser, where there is one; whether it worked is not known. */
export function openBrowser(url: string): void {
  const child = spawn(browserCommand, [...browserArguments, url], { stdio: 'ignore', detached: true });
  // A machine without a screen has no such program; the address was printed.
  child.on('error', () => undefined);
  child.unref();
}
