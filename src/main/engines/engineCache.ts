import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { EnginePackage } from './enginePackages.ts';

export type Environment = Record<string, string | undefined>;

export const manifestFileName = 'engine.json';

const manifestSchema = z.object({
  formatVersion: z.literal(1),
  id: z.enum(['tensorflow-cuda', 'tensorflow-cpu']),
  title: z.string(),
  installedAt: z.string(),
  wheels: z.array(z.object({ fileName: z.string(), sha256: z.string() })),
  /** Every file but this one, relative to the engine's folder with `/`. */
  files: z.record(z.string(), z.object({ bytes: z.int().nonnegative(), sha256: z.string() })),
});
export type EngineManifest = z.infer<typeof manifestSchema>;

/**
 * Where engines are kept, shared by all labs and clones of a user: `NORMLAB_ENGINE_DIR`, else the
 * user's cache folder as the system has it.
 */
export function findCacheDirectory(environment: Environment, platform: string): string {
  if (environment['NORMLAB_ENGINE_DIR']) return resolve(environment['NORMLAB_ENGINE_DIR']);
  const home = environment['HOME'] ?? homedir();
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'normlab', 'engines');
  if (platform === 'win32') {
    return join(environment['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local'), 'normlab', 'engines');
  }
  return join(environment['XDG_CACHE_HOME'] || join(home, '.cache'), 'normlab', 'engines');
}

/** The manifest of an engine in the cache; null where it is not installed or its manifest is unreadable. */
export async function readManifest(engineDirectory: string): Promise<EngineManifest | null> {
  try {
    return manifestSchema.parse(JSON.parse(await readFile(join(engineDirectory, manifestFileName), 'utf8')));
  } catch {
    return null;
  }
}

/** True where every file of the engine is there with its size, and with its contents where `hashes` is set. */
export async function isWhole(
  cacheDirectory: string,
  enginePackage: EnginePackage,
  options: { hashes?: boolean; signal?: AbortSignal } = {},
): Promise<boolean> {
  const directory = join(cacheDirectory, enginePackage.folder);
  const manifest = await readManifest(directory);
  return manifest !== null && (await findDamage(directory, manifest, options)).length === 0;
}

/** What differs from the manifest, in words; sizes always, contents where `hashes` is set. */
export async function findDamage(
  engineDirectory: string,
  manifest: EngineManifest,
  options: { hashes?: boolean; signal?: AbortSignal } = {},
): Promise<string[]> {
  const damage: string[] = [];
  for (const [name, expected] of Object.entries(manifest.files)) {
    const path = join(engineDirectory, name);
    const bytes = await stat(path).then(
      (status) => status.size,
      () => null,
    );
    if (bytes === null) damage.push(`${name} is missing`);
    else if (bytes !== expected.bytes) damage.push(`${name} has ${bytes} bytes instead of ${expected.bytes}`);
    else if (options.hashes && (await sha256OfFile(path, options.signal)) !== expected.sha256) {
      damage.push(`${name} has other contents than were installed`);
    }
  }
  return damage;
}

/** SHA-256 of a file's contents, hexadecimal; the file is never in memory at once. */
export async function sha256OfFile(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  const stream = createReadStream(path, { highWaterMark: 1 << 20, ...(signal === undefined ? {} : { signal }) });
  for await (const chunk of stream) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}
