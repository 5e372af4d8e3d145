import { Argument, type Command } from 'commander';
import { compareVerificationLosses, engineVerification } from '#shared/domain/engineVerification.ts';
import { LabError, toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { labCommand } from '#shared/labCommand.ts';
import type { EngineId, EngineService } from '../engines/engineService.ts';
import { openEngines } from '../lab.ts';
import { trainVerificationNetwork } from '../runs/trainerTask.ts';
import { addCheckGradientsCommand } from './checkGradients.ts';
import type { CommandContext } from './context.ts';
import { withProgress } from './engineWork.ts';
import { formatBytes, formatTable } from './format.ts';
import { showInstallProgress } from './progressLine.ts';

const engineIds: readonly EngineId[] = ['tensorflow-cuda', 'tensorflow-cpu', 'javascript'];

export function addEngineCommands(program: Command, context: CommandContext): void {
  const engines = program
    .command('engines')
    .description('What computes: TensorFlow on GPU or CPU, or plain JavaScript.');
  engines
    .command('list', { isDefault: true })
    .description('every engine, best first: what is there, on which device, and why a better one is not used')
    .action(() => listEngines(context));
  engines
    .command('install')
    .description('install an engine; without an id the best one for this machine')
    .addArgument(new Argument('[engine]', 'id of the engine').choices(engineIds))
    .option('--from <file>', 'wheel file (or folder of wheels) that was carried here by hand')
    .action((engine: EngineId | undefined, options: { from?: string }) => installEngine(context, engine, options.from));
  engines
    .command('verify')
    .description(
      'compare the files of every installed engine with their checksums, and a few steps trained on every engine with stored values',
    )
    .action(() => verifyEngines(context));
  addCheckGradientsCommand(engines, context);
}

async function listEngines(context: CommandContext): Promise<void> {
  const list = await openEngines(context.launcher).list({ describe: true });
  context.output.result(
    list,
    formatTable(list, [
      { title: '', value: (engine) => (engine.chosen ? '*' : '') },
      { title: 'engine', value: (engine) => engine.id },
      { title: 'state', value: (engine) => engine.state },
      { title: 'version', value: (engine) => engine.description?.version ?? '–' },
      { title: 'device', value: (engine) => engine.description?.device ?? '–' },
      { title: 'memory', value: (engine) => formatBytes(engine.residentMemoryBytes), align: 'right' },
      { title: 'disk', value: (engine) => formatBytes(engine.bytes), align: 'right' },
      { title: 'why', value: (engine) => engine.reason },
    ]),
  );
}

async function installEngine(
  context: CommandContext,
  id: EngineId | undefined,
  from: string | undefined,
): Promise<void> {
  const engines = openEngines(context.launcher);
  const status = await withProgress(context, async ({ line, signal }) =>
    engines.install(id ?? (await chooseInstallable(engines)), {
      ...(from === undefined ? {} : { wheelFile: context.resolvePath(from) }),
      signal,
      onProgress: (progress) => {
        showInstallProgress(line, progress);
      },
    }),
  );
  context.output.result(status, `${status.title} is ready. ${status.reason}`);
}

async function chooseInstallable(engines: EngineService): Promise<EngineId> {
  const list = await engines.list();
  return (list.find((engine) => engine.state !== 'unavailable') ?? list[0])?.id ?? 'javascript';
}

interface VerificationRow {
  engine: string;
  mode: string;
  ok: boolean;
  largestDifference: number | null;
  error: LabErrorData | null;
}

const installAgain = (id: EngineId): string => `Install it again with ${labCommand(`engines install ${id}`)}.`;

/** What differs from what was installed; null where NormLab installed nothing. */
async function findDamage(engines: EngineService, id: EngineId): Promise<string[] | null> {
  if (id === 'javascript') return null;
  try {
    return await engines.verifyFiles(id);
  } catch (error) {
    if (error instanceof LabError && error.code === 'engineMissing') return null;
    throw error;
  }
}

function damagedFiles(id: EngineId, damage: readonly string[]): LabErrorData {
  return { code: 'engineFailed', message: `${damage.join('; ')}.`, hint: installAgain(id) };
}

async function verifyEngines(context: CommandContext): Promise<void> {
  const engines = openEngines(context.launcher);
  const rows: VerificationRow[] = [];
  for (const { id, state, reason, bytes, location } of await engines.list({ describe: true })) {
    const failed = (error: LabErrorData): void => {
      rows.push({ engine: id, mode: '–', ok: false, largestDifference: null, error });
    };
    // What the person names instead is not NormLab's to compare.
    const damage = context.environment['NORMLAB_TENSORFLOW'] ? null : await findDamage(engines, id);
    if (damage !== null) {
      const error = damage.length === 0 ? null : damagedFiles(id, damage);
      rows.push({ engine: id, mode: 'files', ok: error === null, largestDifference: null, error });
    }
    if (state === 'unavailable' && bytes !== null) {
      failed({
        code: 'engineFailed',
        message: `It is there, but cannot be used: ${reason}`,
        hint: installAgain(id),
      });
    }
    if (state === 'unavailable' && id === 'tensorflow-cpu' && context.environment['NORMLAB_TENSORFLOW']) {
      failed({ code: 'engineMissing', message: reason, hint: 'Correct NORMLAB_TENSORFLOW, or unset it.' });
    }
    if (state !== 'ready' || location === null) continue;
    try {
      const { losses } = await trainVerificationNetwork(context.launcher, location);
      const { differences } = compareVerificationLosses(losses);
      for (const [mode, difference] of Object.entries(differences)) {
        const ok = difference <= engineVerification.tolerance;
        rows.push({
          engine: id,
          mode,
          ok,
          largestDifference: Number.isFinite(difference) ? difference : null,
          error: null,
        });
      }
    } catch (error) {
      failed(toLabErrorData(error));
    }
  }
  for (const { error } of rows) if (error !== null) context.output.note(error.hint);
  const ok = rows.length > 0 && rows.every((row) => row.ok);
  if (!ok) context.exitStatus = 1;
  const table = formatTable(rows, [
    { title: 'engine', value: (row) => row.engine },
    { title: 'mode', value: (row) => row.mode },
    { title: 'largest difference', value: (row) => row.largestDifference?.toExponential(1) ?? '–', align: 'right' },
    { title: 'verdict', value: (row) => (row.ok ? 'right' : (row.error?.message ?? 'WRONG')) },
  ]);
  const { steps, tolerance } = engineVerification;
  context.output.result(
    { ok, tolerance, engines: rows },
    `${table}\nFiles by their SHA-256; losses of ${steps} steps and one evaluation against values computed in float64; tolerance ${tolerance}.`,
  );
}
