import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '#files/atomicWrite.ts';
import { labErrorCodes, type LabErrorData } from '#shared/errors.ts';

/** So long an automatic start does not try again what failed: an offline machine is not slowed at each start. */
export const failureLifetimeMs = 10 * 60_000;

const memorySchema = z.object({
  /** What was tried, by key: an installation, or loading an engine. */
  outcomes: z.record(
    z.string(),
    z.object({
      atMs: z.number(),
      error: z.object({ code: z.enum(labErrorCodes), message: z.string(), hint: z.string() }).nullable(),
    }),
  ),
});
type Outcomes = z.infer<typeof memorySchema>['outcomes'];

/** What this machine has learned about its engines; lost without harm. */
export interface EngineMemory {
  /** The last failure of this kind, while it is fresh; null otherwise. */
  recentFailure(key: string): Promise<LabErrorData | null>;
  hasSucceeded(key: string): Promise<boolean>;
  remember(key: string, error: LabErrorData | null): Promise<void>;
  forget(): Promise<void>;
}

export function createEngineMemory(cacheDirectory: string, now: () => number = Date.now): EngineMemory {
  const path = join(cacheDirectory, 'outcomes.json');

  async function read(): Promise<Outcomes> {
    try {
      return memorySchema.parse(JSON.parse(await readFile(path, 'utf8'))).outcomes;
    } catch {
      return {};
    }
  }

  return {
    async recentFailure(key) {
      const outcome = (await read())[key];
      // A clock that was set back makes an outcome of the future, which counts for nothing.
      if (!outcome?.error || Math.abs(now() - outcome.atMs) > failureLifetimeMs) return null;
      return outcome.error;
    },
    async hasSucceeded(key) {
      return (await read())[key]?.error === null;
    },
    async remember(key, error) {
      const outcomes = await read();
      outcomes[key] = {
        atMs: now(),
        error: error && { code: error.code, message: error.message, hint: error.hint },
      };
      // Where the cache cannot be written, the next start tries again.
      await writeFileAtomically(path, JSON.stringify({ outcomes })).catch(() => undefined);
    },
    async forget() {
      await rm(path, { force: true }).catch(() => undefined);
    },
  };
}
