import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { applicationDirectory, rendererDirectory } from './applicationPaths.ts';
import { createLabContract } from './contract/labContract.ts';
import { runDesktop } from './desktop/application.ts';
import type { DesktopLab } from './desktop/bridge.ts';
import { createLab } from './lab.ts';
import { defaultLabDirectory } from './store/labDirectory.ts';
import { securityHeaders } from './web/securityHeaders.ts';
import { startWebHost } from './web/startWebHost.ts';
import { readStaticFiles } from './web/staticFiles.ts';

/** The desktop front door: Electron's entry. Wires the lab to its window. */
const { values } = parseArgs({ options: { lab: { type: 'string' } }, strict: false });
const labDirectory = typeof values.lab === 'string' ? resolve(values.lab) : defaultLabDirectory(process.env);

async function openLab(): Promise<DesktopLab> {
  const contract = createLabContract(await createLab({ labDirectory, door: 'desktop', orForReading: true }), {
    hasDialogs: true,
  });
  // Command lines of the same user become clients of this window's lab; nobody owns one that is only read.
  const host = contract.lab.readOnly === null ? await startWebHost({ lab: contract, port: 0 }) : null;
  return {
    directory: contract.lab.directory,
    dispatch: (name, input) => contract.dispatcher.dispatch(name, input),
    subscribe: (listener) => contract.events.subscribe(listener),
    activeRunCount: () => contract.lab.runs.queueState().training.length,
    async close() {
      await host?.close();
      await contract.close();
    },
  };
}

const files = readStaticFiles(rendererDirectory);
await runDesktop({
  labDirectory,
  preloadFile: join(applicationDirectory, 'out', 'preload', 'preload.cjs'),
  files: async (path) => {
    const file = (await files).get(path);
    return file === undefined
      ? { status: 404, headers: { ...securityHeaders }, body: new Uint8Array() }
      : { status: 200, headers: { ...securityHeaders, 'content-type': file.contentType }, body: file.bytes };
  },
  openLab,
});
