import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LabError, toLabErrorData } from '#shared/errors.ts';
import { defaultLabDirectory } from './store/labDirectory.ts';
import { serveLab } from './web/serveLab.ts';

/** The web front door as a process of its own: `web.ts [--lab DIR] [--port P] [--no-open]`. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      lab: { type: 'string' },
      port: { type: 'string', default: '0' },
      'no-open': { type: 'boolean', default: false },
    },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new LabError('invalidArgument', `“${values.port}” is not a port.`, 'Give a number from 0 to 65535.');
  }
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // Whoever asks twice does not want to wait for checkpoints.
      if (abort.signal.aborted) process.exit(1);
      abort.abort();
    });
  }
  await serveLab({
    labDirectory: values.lab === undefined ? defaultLabDirectory(process.env) : resolve(values.lab),
    port,
    open: !values['no-open'],
    print: (line) => process.stdout.write(`${line}\n`),
    log: (line) => process.stderr.write(`${line}\n`),
    signal: abort.signal,
  });
}

try {
  await main();
} catch (error) {
  const { message, hint } = toLabErrorData(error);
  process.stderr.write(`${message} ${hint}\n`);
  process.exitCode = 1;
}
