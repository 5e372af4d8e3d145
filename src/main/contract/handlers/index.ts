import type { Handlers } from '#shared/contract.ts';
import type { ContractContext } from '../context.ts';
import { datasetHandlers } from './datasets.ts';
import { engineHandlers } from './engines.ts';
import { experimentHandlers } from './experiments.ts';
import { jobHandlers } from './jobs.ts';
import { labHandlers } from './lab.ts';
import { machineHandlers } from './machine.ts';
import { memoryHandlers } from './memory.ts';
import { metricsHandlers } from './metrics.ts';
import { queueHandlers } from './queue.ts';
import { runHandlers } from './runs.ts';
import { verificationHandlers } from './verification.ts';

/** Every method of the contract; one that is missing does not compile. */
export function createHandlers(context: ContractContext): Handlers {
  return {
    ...machineHandlers(context),
    ...engineHandlers(context),
    ...labHandlers(context),
    ...jobHandlers(context),
    ...datasetHandlers(context),
    ...experimentHandlers(context),
    ...runHandlers(context),
    ...queueHandlers(context),
    ...metricsHandlers(context),
    ...memoryHandlers(context),
    ...verificationHandlers(context),
  };
}
