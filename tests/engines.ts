import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineLocation } from '#shared/protocol.ts';
import { findCacheDirectory } from '#main/engines/engineCache.ts';

function findTensorflow(): EngineLocation | null {
  const given = process.env['NORMLAB_TENSORFLOW'];
  const cache = findCacheDirectory(process.env, process.platform);
  const installed = existsSync(cache) ? readdirSync(cache).map((name) => join(cache, name)) : [];
  const libraryDirectory = [...(given ? [given] : []), ...installed]
    .flatMap((folder) => [folder, join(folder, 'tensorflow')])
    .find((folder) => existsSync(join(folder, 'libtensorflow_cc.so.2')));
  return libraryDirectory === undefined ? null : { kind: 'tensorflow', libraryDirectory, device: 'cpu', threads: null };
}

export interface TestEngine {
  name: string;
  /** Null where it is not on this machine. */
  location: EngineLocation | null;
}

/**
 * The engines that tests run on. TensorFlow is the one that `NORMLAB_TENSORFLOW` names or the one
 * in the user's engine cache; `describe.runIf(location)` leaves out what is not there.
 */
export const testEngines: readonly TestEngine[] = [
  { name: 'javascript', location: { kind: 'javascript' } },
  { name: 'tensorflow', location: findTensorflow() },
];

/** The fastest that is here. */
export const bestEngine: EngineLocation = testEngines.findLast(({ location }) => location !== null)?.location ?? {
  kind: 'javascript',
};
