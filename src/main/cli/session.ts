import type { LabClient, MethodInput, MethodName } from '#shared/contract.ts';
import { isProcessAlive } from '#files/processes.ts';
import { LabError } from '#shared/errors.ts';
import type { HttpLabClient } from '#shared/transport/httpClient.ts';
import type { Lab } from '../lab.ts';
import { readLabOwner } from '../store/labLock.ts';
import { findOwnerHost } from '../web/ownerHost.ts';

/** A lab as a command works with it, whichever process owns it. */
export interface LabSession {
  readonly client: LabClient;
  /** The lab itself, where this process owns it. */
  readonly lab: Lab | null;
  /** In words, who owns the lab where this process does not. */
  readonly owner: string | null;
  /** What the work comes to, unless the owner ends before: it rejects then. */
  guard<Result>(work: Promise<Result>): Promise<Result>;
  /** Resolves when nothing is left that clients of this process asked for; at once for a client. */
  whenIdle(): Promise<void>;
  close(): Promise<void>;
}

/** Between two looks at an owner whose connection broke. */
const probeIntervalMs = 200;

/**
 * Becomes a client of the process that owns a lab, or null where none answers.
 * @param lookHint What to do where the owner ends meanwhile.
 */
export async function openClientSession(labDirectory: string, lookHint: string): Promise<LabSession | null> {
  const found = await findOwnerHost(labDirectory);
  const owner = readLabOwner(labDirectory);
  if (found === null || owner === null) return null;
  const { client } = found;
  const name = `process ${owner.pid} (${owner.purpose})`;
  const isThere = (): boolean => isProcessAlive(owner.pid) && readLabOwner(labDirectory)?.pid === owner.pid;
  const describeLoss = (cause?: unknown): LabError =>
    isThere()
      ? new LabError('labUnreachable', `The lab’s owner, ${name}, does not answer.`, 'Look at it, or end it.', cause)
      : new LabError('labUnreachable', `The lab’s owner, ${name}, has ended before this was done.`, lookHint, cause);
  const watch = watchOwner(client, isThere, describeLoss);
  return {
    client: {
      ...client,
      async invoke<Name extends MethodName>(method: Name, input: MethodInput<Name>) {
        try {
          return await client.invoke(method, input);
        } catch (error) {
          throw error instanceof LabError && error.code === 'labUnreachable' ? describeLoss(error.cause) : error;
        }
      },
    },
    lab: null,
    owner: name,
    guard: watch.guard,
    whenIdle: () => Promise.resolve(),
    close() {
      watch.close();
      client.close();
      return Promise.resolve();
    },
  };
}

/**
 * Notices while something is waited for that the owner is gone. A connection that only broke is made
 * again by the client itself.
 */
function watchOwner(
  client: HttpLabClient,
  isThere: () => boolean,
  describeLoss: () => LabError,
): Pick<LabSession, 'guard'> & { close(): void } {
  let timer: NodeJS.Timeout | undefined;
  const end = (stop: () => void): void => {
    clearTimeout(timer);
    stop();
  };
  return {
    async guard(work) {
      const lost = Promise.withResolvers<never>();
      const look = (): void => {
        if (isThere()) timer = setTimeout(look, probeIntervalMs);
        else lost.reject(describeLoss());
      };
      const stop = client.onConnection((connected) => {
        clearTimeout(timer);
        if (!connected) look();
      });
      try {
        return await Promise.race([work, lost.promise]);
      } finally {
        end(stop);
      }
    },
    close() {
      clearTimeout(timer);
    },
  };
}
