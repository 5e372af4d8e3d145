/**
 * The training process: main starts it, sends one task, and gets messages until it ends by itself.
 * It never outlives main. Whatever native libraries print goes to stdout and stderr, which carry
 * nothing of the protocol.
 */
import { LabError, toLabErrorData } from '#shared/errors.ts';
import { protocolVersion, type TrainerCommand, type TrainerTask } from '#shared/protocol.ts';
import { analyze } from './analysis/analyze.ts';
import { exportWeights } from './analysis/exportWeights.ts';
import { bench } from './bench.ts';
import { connectToMain } from './connection.ts';
import { openEngine } from './engines/openEngine.ts';
import { checkMethods } from './methodCheck.ts';
import { checkParity } from './parity.ts';
import { train } from './train.ts';
import { verifyEngine } from './verify.ts';

const stop = new AbortController();
let taskStarted = false;
let ended = false;

if (!process.send) {
  process.stderr.write(
    'This is the training process of NormLab; it is started by the lab and does nothing by itself.\n',
  );
  process.exit(2);
}

// Ctrl+C in a terminal reaches the whole group of processes: main decides what it means.
process.on('SIGINT', () => undefined);
process.on('uncaughtException', (error) => void fail(error));

const connection = connectToMain(
  handleCommand,
  (error) => void fail(error),
  () => {
    // Main is gone (or we are done): nobody is left to train for.
    process.exit(ended ? undefined : 1);
  },
);
connection.send({ type: 'ready', protocolVersion, pid: process.pid });

function handleCommand(command: TrainerCommand): void {
  if (command.type === 'stop') {
    stop.abort();
  } else if (command.protocolVersion !== protocolVersion) {
    void fail(
      new LabError(
        'invalidArgument',
        `The lab speaks version ${command.protocolVersion} of the trainer's protocol, this trainer version ${protocolVersion}.`,
        'The program’s parts have different versions: install it again.',
      ),
    );
  } else if (taskStarted) {
    void fail(new LabError('invalidState', 'A trainer was sent a second task.', 'Start one trainer for each task.'));
  } else {
    taskStarted = true;
    runTask(command.task).then(() => end(0), fail);
  }
}

async function runTask(task: TrainerTask): Promise<void> {
  const engine = await openEngine(task.engine);
  switch (task.type) {
    case 'train':
      await train(task, engine, connection.send, stop.signal);
      break;
    case 'describe':
      connection.send({
        type: 'described',
        engine: engine.describe(),
        residentMemoryBytes: engine.memory().residentBytes,
      });
      break;
    case 'verify':
      connection.send({ type: 'verified', engine: engine.describe(), losses: verifyEngine(engine) });
      break;
    case 'bench':
      connection.send({ type: 'bench', records: await bench(task, engine) });
      break;
    case 'parity':
      connection.send({ type: 'parity', records: await checkParity(task, engine) });
      break;
    case 'checkMethods':
      connection.send({
        type: 'methodsChecked',
        engine: engine.describe(),
        checks: await checkMethods(task, engine, (check, done, total) => {
          connection.send({ type: 'methodChecked', check, done, total });
        }),
      });
      break;
    case 'analyze':
      connection.send(await analyze(task, engine));
      break;
    case 'exportWeights':
      connection.send(await exportWeights(task));
      break;
  }
  engine.dispose();
}

/** Tells main why this process ends, and ends it. */
async function fail(error: unknown): Promise<void> {
  if (ended) return;
  const { code, message, hint, cause } = toLabErrorData(error);
  connection.send({ type: 'failed', error: { code, message, hint, ...(cause !== undefined && { cause }) } });
  await end(1);
}

async function end(exitCode: number): Promise<void> {
  ended = true;
  process.exitCode = exitCode;
  await connection.drain();
  process.exit();
}
