import { Command, CommanderError } from 'commander';
import { toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { appVersion } from '../runs/environment.ts';
import { addBenchCommand } from './bench.ts';
import { CommandContext, type GlobalOptions } from './context.ts';
import { addDatasetCommands } from './datasets.ts';
import { addEngineCommands } from './engines.ts';
import { CommandOutput, type CommandStreams } from './output.ts';
import { addRunCommands } from './runs.ts';
import { addStartCommand } from './start.ts';
import { addTrainCommand } from './train.ts';
import { UsageError } from './usageError.ts';
import { addWebCommand } from './web.ts';

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
    await createProgram(context, streams).parseAsync([...args], { from: 'user' });
    return context.exitStatus;
  } catch (error) {
    if (error instanceof CommanderError) {
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

function describeWrongUse(error: CommanderError): LabErrorData {
  const message = error.message.replace(/^error: /, '').split('\n');
  const suggestion = message.slice(1).join(' ').trim();
  return {
    code: 'invalidArgument',
    message: `${capitalize(message[0] ?? '')}.`,
    hint: `${suggestion === '' ? '' : `${suggestion.replace(/^\((.*)\)$/, '$1')} `}\`npm run --silent lab -- --help\` lists what there is.`,
  };
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function createProgram(context: CommandContext, streams: CommandStreams): Command {
  const program = new Command('lab')
    .description('The laboratory for normalization and regularization in neural networks.')
    .version(appVersion())
    .option('--lab <directory>', 'lab folder (default: NORMLAB_HOME, else the user’s data folder)')
    .option('--json', 'one JSON value, or JSON lines where there is progress, on standard output')
    .configureHelp({ showGlobalOptions: true })
    .hook('preAction', (_, action) => {
      context.configure(action.optsWithGlobals<GlobalOptions>());
    });
  addStartCommand(program, context);
  addWebCommand(program, context);
  addTrainCommand(program, context);
  addRunCommands(program, context);
  addDatasetCommands(program, context);
  addEngineCommands(program, context);
  addBenchCommand(program, context);
  const silence = (command: Command): void => {
    command.exitOverride().configureOutput({
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
