import type { LabClient } from '#shared/contract.ts';
import type { Lab } from '../lab.ts';
import type { ContractContext } from './context.ts';
import { DeletedExperiments } from './deletedExperiments.ts';
import { DiskForecast } from './diskForecast.ts';
import { createDispatcher, type Dispatcher } from './dispatcher.ts';
import { EventHub, type EventHubOptions } from './eventHub.ts';
import { estimateMemoryNeed } from './experimentPreview.ts';
import { describeHealth } from './handlers/machine.ts';
import { createHandlers } from './handlers/index.ts';
import { createInProcessClient } from './inProcessClient.ts';
import { JobRegistry } from './jobs.ts';
import { QueueDescriber, toRunListItem } from './records.ts';
import { mapInSlices } from './slices.ts';
import { SpeedBook } from './speedBook.ts';

/** Latest experiments whose runs tell how fast this machine is. */
const experimentsForSpeed = 50;

export interface LabContractOptions {
  /** True where the front door can show dialogs of the operating system. */
  hasDialogs?: boolean;
  /** Gets failures that nobody expected, for the log. */
  onUnexpected?: (name: string, error: unknown) => void;
  events?: EventHubOptions;
  /** False where nobody will ask how long runs take: speeds of earlier ones are not read then. */
  estimates?: boolean;
}

/** A lab as its clients see it: what every front door and transport is built on. */
export interface LabContract {
  readonly lab: Lab;
  readonly dispatcher: Dispatcher;
  readonly events: EventHub;
  readonly client: LabClient;
  /** Resolves when speeds of earlier runs are known and leftovers are removed. */
  readonly ready: Promise<void>;
  /** Calls back when the data at a path have been imported; returns the function that ends it. */
  onImported(listener: (path: string) => void): () => void;
  /** Ends jobs and removes what was deleted, then closes the lab. */
  close(options?: { graceful?: boolean }): Promise<void>;
}

/** Puts the contract over a lab; from now on the contract closes it. */
export function createLabContract(lab: Lab, options: LabContractOptions = {}): LabContract {
  const events = new EventHub(options.events);
  const jobs = new JobRegistry((record) => {
    events.emit('jobsChanged', { jobs: [record] });
  });
  const speeds = new SpeedBook();
  const importListeners = new Set<(path: string) => void>();
  const context: ContractContext = {
    lab,
    events,
    jobs,
    speeds,
    queue: new QueueDescriber(lab, speeds),
    disk: new DiskForecast(lab),
    deleted: new DeletedExperiments(lab),
    hasDialogs: options.hasDialogs ?? false,
    onImported: (path) => {
      for (const listener of importListeners) listener(path);
    },
  };
  lab.runs.estimateMemoryWith((run) => estimateMemoryNeed(run.document, speeds));
  const stopForwarding = forwardRunEvents(context);
  const dispatcher = createDispatcher(createHandlers(context), options.onUnexpected, lab.readOnly);
  const ready = prepare(context, options.estimates ?? true);
  // Where it fails, estimates are missing and deleted experiments stay hidden: nothing to stop for.
  ready.catch((error: unknown) => options.onUnexpected?.('prepare', error));

  let closing: Promise<void> | null = null;
  async function close(graceful: boolean): Promise<void> {
    try {
      await jobs.close();
      await ready.catch(() => undefined);
      if (lab.readOnly === null) await context.deleted.purge();
    } finally {
      await lab.close({ graceful });
      stopForwarding();
      events.close();
    }
  }
  return {
    lab,
    dispatcher,
    events,
    client: createInProcessClient(dispatcher, events),
    ready,
    onImported(listener) {
      importListeners.add(listener);
      return () => importListeners.delete(listener);
    },
    close: ({ graceful = true } = {}) => (closing ??= close(graceful)),
  };
}

/** What happens to runs, as events for clients. Returns the function that ends it. */
function forwardRunEvents(context: ContractContext): () => void {
  const { lab, events, speeds, deleted, queue } = context;
  const announced = new Set<string>();
  const stopInstall = lab.runs.observeInstall((runId, progress) => {
    events.emit('engineProgress', { runId, progress });
  });
  const stopRuns = lab.runs.observe((batch) => {
    const changed = batch.changed.filter((run) => !deleted.has(run.experimentId));
    for (const run of changed) speeds.record(run);
    // Experiments that another front door of this process made are news to clients.
    const unknown = [...new Set(changed.map((run) => run.experimentId))].filter((id) => !announced.has(id));
    for (const id of unknown) announced.add(id);
    if (unknown.length > 0 || batch.removed.length > 0) events.emit('experimentsChanged', { ids: unknown });
    if (changed.length > 0) events.emit('runsChanged', { runs: changed.map((run) => toRunListItem(context, run)) });
    if (batch.metricsAppended.length > 0) events.emit('metricsAppended', { runIds: batch.metricsAppended });
    if (batch.logs.length > 0) events.emit('runsLogged', { logs: batch.logs });
    if (batch.queueChanged) events.emit('queueChanged', queue.describe());
  });
  const stopHealth = lab.health.observe((health) => {
    describeHealth(context, health)
      .then((status) => events.emit('healthChanged', status))
      // Where the database cannot be read, the next reading is told.
      .catch(() => undefined);
  });
  return () => {
    stopHealth();
    stopInstall();
    stopRuns();
  };
}

async function prepare({ lab, speeds, deleted }: ContractContext, estimates: boolean): Promise<void> {
  if (lab.readOnly === null) await deleted.purgeLeftovers();
  else deleted.hideLeftovers();
  if (!estimates) return;
  speeds.setDatasets(await lab.datasets.list());
  const latest = lab.experiments.list().slice(0, experimentsForSpeed).reverse();
  await mapInSlices(latest, ({ id }) => {
    for (const run of lab.runs.list({ experimentId: id })) speeds.record(run);
  });
}
