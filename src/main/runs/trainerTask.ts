import { LabError } from '#shared/errors.ts';
import type {
  AnalysisResult,
  AnalyzeTask,
  BenchRecord,
  BenchTask,
  CheckMethodsTask,
  EngineDescription,
  EngineLocation,
  ExportWeightsTask,
  MethodCheck,
  ParityRecord,
  ParityTask,
  TrainerMessage,
  TrainerTask,
} from '#shared/protocol.ts';
import type { TrainerLauncher } from './trainerLauncher.ts';
import { TrainerProcess, type TrainerResult } from './trainerProcess.ts';

/** Does one short task in a trainer process; an aborted signal kills it. */
async function runTask<Type extends TrainerResult['type']>(
  launcher: TrainerLauncher,
  task: TrainerTask,
  type: Type,
  signal?: AbortSignal,
  onMessage: (message: TrainerMessage) => void = () => undefined,
): Promise<Extract<TrainerResult, { type: Type }>> {
  signal?.throwIfAborted();
  const trainer = new TrainerProcess(launcher, task, onMessage);
  const abort = (): void => {
    trainer.kill();
  };
  signal?.addEventListener('abort', abort, { once: true });
  const ending = await trainer.ended;
  signal?.removeEventListener('abort', abort);
  if (ending.kind === 'killed')
    throw new LabError('cancelled', 'The task was cancelled.', 'Start it again when you like.');
  if (ending.kind !== 'result') throw LabError.from(ending.error);
  if (ending.result.type !== type) {
    throw new LabError(
      'engineFailed',
      `The trainer answered a ${task.type} task with “${ending.result.type}”.`,
      'Install NormLab again; its parts do not fit together.',
    );
  }
  return ending.result as Extract<TrainerResult, { type: Type }>;
}

/** Asks an engine about itself: loads it in a process of its own. */
export async function describeEngine(
  launcher: TrainerLauncher,
  location: EngineLocation,
  signal?: AbortSignal,
): Promise<{ engine: EngineDescription; residentMemoryBytes: number }> {
  const { engine, residentMemoryBytes } = await runTask(
    launcher,
    { type: 'describe', engine: location },
    'described',
    signal,
  );
  return { engine, residentMemoryBytes };
}

/** Trains the fixed little network on an engine and returns every loss, a list for each mode. */
export async function trainVerificationNetwork(
  launcher: TrainerLauncher,
  location: EngineLocation,
  signal?: AbortSignal,
): Promise<{ engine: EngineDescription; losses: Record<string, number[]> }> {
  const { engine, losses } = await runTask(launcher, { type: 'verify', engine: location }, 'verified', signal);
  return { engine, losses };
}

/** Measures samples per second of one run document on an engine. */
export async function benchEngine(
  launcher: TrainerLauncher,
  task: Omit<BenchTask, 'type'>,
  signal?: AbortSignal,
): Promise<BenchRecord[]> {
  return (await runTask(launcher, { type: 'bench', ...task }, 'bench', signal)).records;
}

/** Repeats reference runs on an engine, and measures how far they are from the reference. */
export async function checkParity(
  launcher: TrainerLauncher,
  task: Omit<ParityTask, 'type'>,
  signal?: AbortSignal,
): Promise<ParityRecord[]> {
  return (await runTask(launcher, { type: 'parity', ...task }, 'parity', signal)).records;
}

/** Checks loss and gradient of methods on an engine; `onCheck` is told after each. */
export async function checkMethods(
  launcher: TrainerLauncher,
  task: Omit<CheckMethodsTask, 'type'>,
  onCheck: (check: MethodCheck, done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<{ engine: EngineDescription; checks: MethodCheck[] }> {
  const { engine, checks } = await runTask(
    launcher,
    { type: 'checkMethods', ...task },
    'methodsChecked',
    signal,
    (message) => {
      if (message.type === 'methodChecked') onCheck(message.check, message.done, message.total);
    },
  );
  return { engine, checks };
}

/** Finds something out about a trained network. */
export async function analyzeCheckpoint(
  launcher: TrainerLauncher,
  task: Omit<AnalyzeTask, 'type'>,
  signal?: AbortSignal,
): Promise<{ step: number; engine: string; result: AnalysisResult }> {
  const { step, engine, result } = await runTask(launcher, { type: 'analyze', ...task }, 'analyzed', signal);
  return { step, engine, result };
}

/** Writes the weights of a checkpoint to a file; needs no data and no fast engine. */
export async function exportWeights(
  launcher: TrainerLauncher,
  task: Omit<ExportWeightsTask, 'type' | 'engine'>,
  signal?: AbortSignal,
): Promise<{ step: number; file: string; bytes: number }> {
  const { step, file, bytes } = await runTask(
    launcher,
    { type: 'exportWeights', engine: { kind: 'javascript' }, ...task },
    'exported',
    signal,
  );
  return { step, file, bytes };
}
