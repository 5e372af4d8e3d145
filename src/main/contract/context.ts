import type { Lab } from '../lab.ts';
import type { DeletedExperiments } from './deletedExperiments.ts';
import type { DiskForecast } from './diskForecast.ts';
import type { EventHub } from './eventHub.ts';
import type { JobRegistry } from './jobs.ts';
import type { QueueDescriber } from './records.ts';
import type { SpeedBook } from './speedBook.ts';

/** What handlers work with. */
export interface ContractContext {
  lab: Lab;
  events: EventHub;
  jobs: JobRegistry;
  speeds: SpeedBook;
  queue: QueueDescriber;
  disk: DiskForecast;
  deleted: DeletedExperiments;
  /** True where the front door can show dialogs of the operating system. */
  hasDialogs: boolean;
  /** Told when the data at a path have been imported. */
  onImported: (path: string) => void;
}
