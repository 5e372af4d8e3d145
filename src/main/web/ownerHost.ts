import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { describeWriteError } from '#files/fileErrors.ts';
import { isProcessAlive } from '#files/processes.ts';
import { createHttpClient, type HttpLabClient } from '#shared/transport/httpClient.ts';
import type { HttpRequest } from '#shared/transport/platform.ts';
import { readLabOwner } from '../store/labLock.ts';
import { codeUrl, pageUrl } from './pageUrl.ts';

/** How other processes of this user reach the process that owns a lab. */
const ownerHostSchema = z.strictObject({
  address: z.string().regex(/^http:\/\/127\.0\.0\.1:[0-9]{1,5}$/),
  token: z.string().regex(/^[A-Za-z0-9_-]{32,200}$/),
  pid: z.int().positive(),
});
export type OwnerHost = z.infer<typeof ownerHostSchema>;

const codeAnswerSchema = z.object({ result: z.object({ code: z.string() }) });

function ownerHostFile(labDirectory: string): string {
  return join(labDirectory, 'owner-host.json');
}

/** Writes address and token where only this user can read them. @throws LabError where it cannot be written. */
export async function writeOwnerHost(labDirectory: string, host: OwnerHost): Promise<void> {
  const file = ownerHostFile(labDirectory);
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    // The mode is the file's from its first byte on.
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(host)}\n`);
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw describeWriteError(error, file);
  }
}

/** Removes what `writeOwnerHost` wrote, unless another owner has written since. */
export async function removeOwnerHost(labDirectory: string, host: OwnerHost): Promise<void> {
  const written = await readOwnerHost(labDirectory);
  if (written?.token === host.token) await rm(ownerHostFile(labDirectory), { force: true });
}

async function readOwnerHost(labDirectory: string): Promise<OwnerHost | null> {
  try {
    return ownerHostSchema.parse(JSON.parse(await readFile(ownerHostFile(labDirectory), 'utf8')));
  } catch {
    return null;
  }
}

export interface FoundHost {
  client: HttpLabClient;
  /** The page's address, with its token. */
  url: string;
  /** An address for a browser's command line; rejects where the host gives none. */
  urlForBrowser(): Promise<string>;
}

/**
 * The host of the process that owns a lab, or null where none answers. The token goes only to the
 * address of a process that runs and holds the lab.
 * @param timeoutMs Patience for the first answer.
 */
export async function findOwnerHost(labDirectory: string, timeoutMs = 5000): Promise<FoundHost | null> {
  const host = await readOwnerHost(labDirectory);
  if (host === null || !isProcessAlive(host.pid) || readLabOwner(labDirectory)?.pid !== host.pid) return null;
  const options = {
    // Node's fetch takes the request as it is; its types ask for more than transports need.
    fetch: (url: string, request: HttpRequest) => fetch(url, request as RequestInit),
    address: host.address,
    token: host.token,
  };
  try {
    await createHttpClient({ ...options, timeoutMs }).invoke('queue.get', {});
  } catch {
    return null;
  }
  return {
    client: createHttpClient(options),
    url: pageUrl(host.address, host.token),
    urlForBrowser: () => askForCode(host),
  };
}

async function askForCode({ address, token }: OwnerHost): Promise<string> {
  const response = await fetch(`${address}/session/code`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(5000),
  });
  return codeUrl(address, codeAnswerSchema.parse(await response.json()).result.code);
}

/** A client of the process that owns a lab, or null where none answers. */
export async function connectToOwner(labDirectory: string, timeoutMs?: number): Promise<HttpLabClient | null> {
  return (await findOwnerHost(labDirectory, timeoutMs))?.client ?? null;
}
