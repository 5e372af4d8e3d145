/**
 * A process of its own that trains the small network and prints what came of it, as JSON:
 * `node trainSmallNetwork.ts <location as JSON> <mode> <steps> <times a step is made and freed>`. It ends by itself, without
 * `process.exit`, and leaves the engine open: the end of a process must be clean even so.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { engineLocationSchema } from '#shared/protocol.ts';
import { openEngine } from '#trainer/engines/openEngine.ts';
import { startSmallTraining } from '../../../conformance/smallNetwork.ts';

export interface SmallNetworkReport {
  /** Bits of the float32 losses, in hexadecimal. */
  lossBits: string;
  lastLoss: number;
  /** After each tenth of the steps. */
  memory: { tensorCount: number; nativeHandleCount: number; residentBytes: number }[];
  /** Resident bytes after making and freeing the step so many times, and after as often again. */
  residentBytesOfSteps: [number, number];
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const [, , location = '', mode = 'compiled', steps = '30', freedSteps = '0'] = process.argv;
const engine = await openEngine(engineLocationSchema.parse(JSON.parse(location)));
const execution = { mode: mode as 'eager' | 'compiled', operations: 'fused', precision: 'float32' } as const;
const training = startSmallTraining(engine, execution);
const losses: number[] = [];
const memory: SmallNetworkReport['memory'] = [];
for (let tenth = 0; tenth < 10; tenth += 1) {
  for (let step = 0; step < Number(steps) / 10; step += 1) losses.push(training.run());
  collectGarbage();
  memory.push(engine.memory());
}
training.dispose();

function makeAndFreeSteps(count: number): number {
  for (let index = 0; index < count; index += 1) {
    const { run, dispose } = startSmallTraining(engine, execution);
    run();
    dispose();
  }
  collectGarbage();
  return engine.memory().residentBytes;
}
const residentBytesOfSteps: [number, number] = [
  makeAndFreeSteps(Number(freedSteps)),
  makeAndFreeSteps(Number(freedSteps)),
];

const report: SmallNetworkReport = {
  lossBits: Buffer.from(Float32Array.from(losses).buffer).toString('hex'),
  lastLoss: losses.at(-1) ?? Number.NaN,
  memory,
  residentBytesOfSteps,
};
process.stdout.write(JSON.stringify(report));
