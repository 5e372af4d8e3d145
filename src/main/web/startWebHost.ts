import { rendererDirectory } from '../applicationPaths.ts';
import type { LabContract } from '../contract/labContract.ts';
import { removeOwnerHost, writeOwnerHost } from './ownerHost.ts';
import { readStaticFiles } from './staticFiles.ts';
import { startHost, type WebHost, type WebHostOptions } from './webHost.ts';

export interface StartWebHostOptions extends Pick<WebHostOptions, 'token' | 'limits'> {
  lab: LabContract;
  /** 0 takes a free one. */
  port: number;
  /** Folder of the built interface. */
  rendererDirectory?: string;
}

/**
 * Serves a lab on 127.0.0.1: to the browser, and to command lines of the same user, which find it
 * through the lab folder (`connectToOwner`). Every front door may have one.
 * @throws LabError where the port is taken or the lab folder cannot be written.
 */
export async function startWebHost(options: StartWebHostOptions): Promise<WebHost> {
  const { dispatcher, events, lab } = options.lab;
  const host = await startHost({
    dispatcher,
    events,
    // A lab that is only read takes no uploads in: their place is beside the copy of its database.
    labDirectory: lab.databaseDirectory,
    files: await readStaticFiles(options.rendererDirectory ?? rendererDirectory),
    port: options.port,
    ...(options.token === undefined ? {} : { token: options.token }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  const owner = { address: host.address, token: host.token, pid: process.pid };
  const isOwned = lab.readOnly === null;
  try {
    if (isOwned) await writeOwnerHost(lab.directory, owner);
  } catch (error) {
    await host.close();
    throw error;
  }
  const stopListening = options.lab.onImported((path) => {
    // What stays is removed when the host closes.
    host.uploads.release(path).catch(() => undefined);
  });
  return {
    ...host,
    async close() {
      stopListening();
      if (isOwned) await removeOwnerHost(lab.directory, owner);
      await host.close();
    },
  };
}
