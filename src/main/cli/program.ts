import { Command, CommanderError } from 'commander';
import { toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { labCommand } from '#shared/labCommand.ts';
import { appVersion } from '../runs/environment.ts';
import { CommandContext, type GlobalOptions } from './context.ts';
import { CommandOutput, type CommandStreams } from './output.ts';
import { UsageError } from './usageError.ts';

/** Exit status of a command: part of what scripts depend on. */
export const exitStatus = { done: 0, failed: 1, wrongUse: 2 } as const;

/**
 * Runs one command line. Never throws: failures become a message and an exit status.
 * @param args What was typed after the program's name.
 */
export async function runCommandLine(
  args: readonly string[],
  streams: CommandStreams,
  environment: NodeJS.ProcessEnv,
): Promise<number> {
  // Asked before parsing, because what cannot be parsed is reported as JSON too.
  const output = new CommandOutput(streams, args.includes('--json'));
  const context = new CommandContext(output, environment);
  const debug = Boolean(environment['NORMLAB_DEBUG']);
  try {
    const program = await createProgram(context, streams, args);
    await program.parseAsync([...args], { from: 'user' });
    return context.exitStatus;
  } catch (error) {
    if (error instanceof ParseFailure) {
      if (error.exitCode === 0) return exitStatus.done;
      if (error.code === 'commander.help') {
        const hint = 'The commands are listed above, on standard error.';
        if (output.json) output.error({ code: 'invalidArgument', message: 'No command was given.', hint }, false);
        return exitStatus.wrongUse;
      }
      output.error(describeWrongUse(error), debug);
      return exitStatus.wrongUse;
    }
    const data = toLabErrorData(error);
    output.error(data, debug || data.code === 'internal');
    return error instanceof UsageError ? exitStatus.wrongUse : exitStatus.failed;
  }
}

/** A failure of parsing, with the command that was being parsed. */
class ParseFailure extends CommanderError {
  readonly command: Command;

  constructor({ exitCode, code, message }: CommanderError, command: Command) {
    super(exitCode, code, message);
    this.command = command;
  }
}

/** What was typed wrong, and whose help says what is right. */
function describeWrongUse({ message, code, command }: ParseFailure): LabErrorData {
  const group = command.parent;
  // Without a name, a group's default command gets what was typed.
  if (code === 'commander.excessArguments' && group !== null && group.args[0] !== command.name()) {
    const known = group.commands.map((subcommand) => subcommand.name()).join(', ');
    return {
      code: 'invalidArgument',
      message: `Unknown command '${commandPath(group)} ${group.args[0] ?? ''}'.`,
      hint: `Choose one of: ${known}.`,
    };
  }
  const [title = '', ...rest] = message.replace(/^error: /, '').split('\n');
  const suggestion = rest
    .join(' ')
    .trim()
    .replace(/^\((.*)\)$/, '$1 ');
  return {
    code: 'invalidArgument',
    message: `${capitalize(title).replace(/\.$/, '')}.`,
    hint: `${suggestion}${labCommand(`${commandPath(command)} --help`.trim())} lists what there is.`,
  };
}

/** A command as it is typed behind the program's name. */
function commandPath(command: Command): string {
  return command.parent === null ? '' : `${commandPath(command.parent)} ${command.name()}`.trim();
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

type AddCommand = (program: Command, context: CommandContext) => void;

/** Every command, in the order of the help. Loading one takes longer than most need to run. */
const commands: ReadonlyMap<string, () => Promise<AddCommand>> = new Map([
  ['start', async () => (await import('./start.ts')).addStartCommand],
  ['web', async () => (await import('./web.ts')).addWebCommand],
  ['train', async () => (await import('./train.ts')).addTrainCommand],
  ['reproduce', async () => (await import('./reproduce.ts')).addReproduceCommand],
  ['experiments', async () => (await import('./experiments.ts')).addExperimentCommands],
  ['runs', async () => (await import('./runs.ts')).addRunCommands],
  ['queue', async () => (await import('./queue.ts')).addQueueCommands],
  ['analyze', async () => (await import('./analyze.ts')).addAnalyzeCommand],
  ['datasets', async () => (await import('./datasets.ts')).addDatasetCommands],
  ['engines', async () => (await import('./engines.ts')).addEngineCommands],
  ['backup', async () => (await import('./backup.ts')).addBackupCommand],
  ['restore', async () => (await import('./backup.ts')).addRestoreCommand],
  ['repair', async () => (await import('./repair.ts')).addRepairCommand],
  ['diagnostics', async () => (await import('./diagnostics.ts')).addDiagnosticsCommand],
  ['bench', async () => (await import('./bench.ts')).addBenchCommand],
  ['parity', async () => (await import('./parity.ts')).addParityCommand],
]);

/** The command that was typed; all of them where that is not plain: for the help, and to suggest one. */
function loadCommands(args: readonly string[]): Promise<AddCommand[]> {
  const typed = args.find((arg, index) => !arg.startsWith('-') && args[index - 1] !== '--lab');
  const load = typed === undefined ? undefined : commands.get(typed);
  return Promise.all(load ? [load()] : [...commands.values()].map((loadAny) => loadAny()));
}

async function createProgram(
  context: CommandContext,
  streams: CommandStreams,
  args: readonly string[],
): Promise<Command> {
  const program = new Command('lab')
    .description('The laboratory for normalization and regularization in neural networks.')
    .version(appVersion())
    .option('--lab <directory>', 'lab folder (default: NORMLAB_HOME, else the user’s data folder)')
    .option('--json', 'one JSON value, or JSON lines where there is progress, on standard output')
    .configureHelp({ showGlobalOptions: true })
    .hook('preAction', (_, action) => {
      context.configure(action.optsWithGlobals<GlobalOptions>());
    });
  for (const add of await loadCommands(args)) add(program, context);
  const silence = (command: Command): void => {
    command.exitOverride((failure) => {
      throw new ParseFailure(failure, command);
    });
    command.configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      // Errors are reported once, by `runCommandLine`; help that nobody asked for goes to stderr.
      writeErr: (text) => streams.stderr.write(text),
      outputError: () => undefined,
    });
    command.commands.forEach(silence);
  };
  silence(program);
  return program;
}
