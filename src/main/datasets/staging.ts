import { randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describeWriteError } from '#files/fileErrors.ts';
import { identifyProcess, isSameProcessAlive, processIdentitySchema } from '#files/processes.ts';

const stagingPrefix = '.importing-';
const trashPrefix = '.removing-';
const ownerFile = 'owner.json';
const otherHostPatienceMs = 24 * 3_600_000;

/** Work folders of this process that are in use. */
const activeStaging = new Set<string>();

/** A work folder inside the datasets folder, on the same disk, so that the result can be renamed into place. */
export interface Staging {
  directory: string;
  /** Removes it with all that is still in it. */
  release(): Promise<void>;
}

export async function createStaging(datasetsDirectory: string): Promise<Staging> {
  const directory = join(datasetsDirectory, `${stagingPrefix}${randomBytes(6).toString('hex')}`);
  activeStaging.add(directory);
  const release = async (): Promise<void> => {
    try {
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    } finally {
      activeStaging.delete(directory);
    }
  };
  try {
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, ownerFile), JSON.stringify(identifyProcess(process.pid)));
  } catch (error) {
    await release().catch(() => undefined);
    throw describeWriteError(error, datasetsDirectory);
  }
  return { directory, release };
}

/** Name for a folder on its way out; what a killed removal leaves is removed with the leftovers. */
export function trashDirectory(datasetsDirectory: string): string {
  return join(datasetsDirectory, `${trashPrefix}${randomBytes(6).toString('hex')}`);
}

/** Removes what killed imports and removals left behind; work of living processes stays. */
export async function removeLeftovers(datasetsDirectory: string): Promise<void> {
  for (const name of await readdir(datasetsDirectory).catch(() => [])) {
    const directory = join(datasetsDirectory, name);
    const isLeftover =
      name.startsWith(trashPrefix) || (name.startsWith(stagingPrefix) && (await isAbandoned(directory)));
    // A folder that cannot be removed (a read-only lab) is no reason to refuse reading the others.
    if (isLeftover) await rm(directory, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function isAbandoned(directory: string): Promise<boolean> {
  if (activeStaging.has(directory)) return false;
  const text = await readFile(join(directory, ownerFile), 'utf8').catch(() => 'null');
  const owner = processIdentitySchema.safeParse(parseJson(text));
  if (!owner.success) return true;
  const { processId, hostName } = owner.data;
  if (hostName !== hostname()) {
    const modifiedMs = await stat(directory).then(
      (status) => status.mtimeMs,
      () => 0,
    );
    return Date.now() - modifiedMs > otherHostPatienceMs;
  }
  // This process knows its own work; in a container an earlier process may have had the same id.
  if (processId === process.pid) return true;
  return !isSameProcessAlive(owner.data);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
