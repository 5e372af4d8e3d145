import { setTimeout as delay } from 'node:timers/promises';
import { toLabErrorData } from '#shared/errors.ts';
import { createLabContract, type LabContract } from '../contract/labContract.ts';
import { createLab } from '../lab.ts';
import type { TrainerLauncher } from '../runs/trainerLauncher.ts';
import type { WebHost } from '../web/webHost.ts';
import type { CommandOutput } from './output.ts';
import { onInterrupts } from './interrupts.ts';
import type { LabSession } from './session.ts';

export interface OwnSessionOptions {
  labDirectory: string;
  launcher: TrainerLauncher;
  output: CommandOutput;
  /** For a command that takes long: other commands and the app's page become its clients meanwhile. */
  hosts: boolean;
}

/** Opens a lab for a command. @throws LabError as `createLab`. */
export async function openOwnSession(options: OwnSessionOptions): Promise<LabSession> {
  const { labDirectory, launcher, output, hosts } = options;
  const lab = await createLab({ labDirectory, door: 'cli', launcher });
  for (const { message, hint } of lab.notices) output.note(`${message} ${hint}`);
  const contract = createLabContract(lab, {
    estimates: hosts,
    onUnexpected: (name, error) => {
      output.note(`${name}: ${toLabErrorData(error).message}`);
    },
  });
  let host: WebHost | null = null;
  if (hosts) host = await startHost(contract, output);
  // Leftovers of deleted experiments are in no list.
  else await contract.ready.catch(() => undefined);
  return {
    client: contract.client,
    lab,
    owner: null,
    guard: (work) => work,
    whenIdle: () => whenIdle(contract, output),
    async close() {
      try {
        if (host !== null) await letClientsRead(host);
        await host?.close();
      } finally {
        await contract.close();
      }
    },
  };
}

/** Longest wait for clients that read how their runs ended. */
const farewellMs = 3000;

/** Command lines that follow runs leave by themselves when those have ended; they still ask for the results. */
async function letClientsRead(host: WebHost): Promise<void> {
  const closeAt = performance.now() + farewellMs;
  while (host.countPrograms() > 0 && performance.now() < closeAt) await delay(20);
}

/** Training goes on without: others only have to wait for its end then. */
async function startHost(contract: LabContract, output: CommandOutput): Promise<WebHost | null> {
  const { startWebHost } = await import('../web/startWebHost.ts');
  try {
    return await startWebHost({ lab: contract, port: 0 });
  } catch (error) {
    const { message } = toLabErrorData(error);
    output.note(`Other commands cannot reach this lab until this one is done: ${message}`);
    return null;
  }
}

/** Waits for the runs and jobs that clients added; Ctrl+C stops them, with checkpoints. */
async function whenIdle({ lab, client }: LabContract, output: CommandOutput): Promise<void> {
  let notice = (): void => undefined;
  const interrupted = new AbortController();
  const ends = [
    client.subscribe('queueChanged', () => notice()),
    client.subscribe('jobsChanged', () => notice()),
    onInterrupts(
      () => {
        interrupted.abort();
        lab.runs.interrupt();
        notice();
      },
      () => void lab.runs.close({ graceful: false }),
    ),
  ];
  try {
    for (let said = false; ; said = true) {
      const changed = new Promise<void>((resolve) => (notice = resolve));
      const jobs = (await client.invoke('jobs.list', {})).filter((job) => job.state === 'running');
      const { training, waiting, settings } = lab.runs.queueState();
      // Those in a paused queue wait for someone who lets it go on, not for this command.
      const runs = training.length + (settings.paused ? 0 : waiting.length);
      // Jobs are cancelled when the lab is closed.
      if (runs === 0 && (jobs.length === 0 || interrupted.signal.aborted)) return;
      if (!said) {
        const what = [...(runs === 0 ? [] : [`${runs} more of its runs`]), ...jobs.map(({ title }) => title)];
        output.note(
          `Other commands use this lab: ${what.join(', ')}. This one stays until that is done; Ctrl+C stops it.`,
        );
      }
      await changed;
    }
  } finally {
    for (const end of ends) end();
  }
}
