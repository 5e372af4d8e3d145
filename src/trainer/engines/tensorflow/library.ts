import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import koffi from 'koffi';
import type { LibraryHandle } from 'koffi';
import { LabError } from '#shared/errors.ts';
import { labCommand } from '#shared/labCommand.ts';
import { declarations, type Pointer, type TensorflowFunctions } from './functions.ts';

/** TensorFlow's C API, loaded into this process. */
export interface TensorflowLibrary extends TensorflowFunctions {
  /** C's `memcpy`: between arrays of ours and memory of TensorFlow's. */
  copyMemory(destination: Pointer | ArrayBufferView, source: Pointer | ArrayBufferView, bytes: number): void;
}

/** File names of the two libraries: everything that kernels share, then the C API. */
const fileNames: Readonly<Record<string, { framework: readonly string[]; api: readonly string[] }>> = {
  linux: {
    framework: ['libtensorflow_framework.so.2', 'libtensorflow_framework.so'],
    api: ['libtensorflow_cc.so.2', 'libtensorflow_cc.so', 'libtensorflow.so.2', 'libtensorflow.so'],
  },
  darwin: {
    framework: ['libtensorflow_framework.2.dylib', 'libtensorflow_framework.dylib'],
    api: ['libtensorflow_cc.2.dylib', 'libtensorflow_cc.dylib', 'libtensorflow.2.dylib', 'libtensorflow.dylib'],
  },
  win32: { framework: ['tensorflow_framework.dll'], api: ['tensorflow_cc.dll', 'tensorflow.dll'] },
};

koffi.struct('TF_Output', { oper: 'void *', index: 'int' });

const loaded = new Map<string, TensorflowLibrary>();

/**
 * Loads TensorFlow's libraries from a folder and declares the functions of its C API. A folder is
 * loaded once in a process and stays loaded until its end: TensorFlow's threads do not survive
 * their code being unmapped.
 *
 * @throws LabError `engineMissing` where a file is not there or does not load, `engineFailed` where
 * the libraries are of a version that lacks a function, or the processor cannot run them.
 */
export function loadTensorflowLibrary(libraryDirectory: string): TensorflowLibrary {
  const directory = path.resolve(libraryDirectory);
  const known = loaded.get(directory);
  if (known !== undefined) return known;

  const names = fileNames[process.platform];
  if (names === undefined) {
    throw new LabError(
      'engineMissing',
      `There is no TensorFlow for the platform ${process.platform}.`,
      'Use the JavaScript engine, or a machine with Linux.',
    );
  }
  // Windows keeps everything in one library.
  const framework = findFile(directory, names.framework, process.platform === 'win32');
  const api = findFile(directory, names.api, false);
  requireAvx();

  quietenLog();
  const libraries = withoutStandardError(() =>
    [framework, api].filter((file) => file !== null).map((file) => loadLibrary(file)),
  );
  const functions = Object.fromEntries(
    Object.entries(declarations).map(([name, [result, parameters]]) => [
      name,
      declareFunction(libraries, name, result, parameters, directory),
    ]),
  ) as unknown as TensorflowFunctions;
  const copyMemory = cLibrary().func('memcpy', 'void *', ['void *', 'void *', 'size_t']);
  const library: TensorflowLibrary = {
    ...functions,
    copyMemory(destination, source, bytes) {
      if (bytes > 0) copyMemory(destination, source, bytes);
    },
  };
  loaded.set(directory, library);
  return library;
}

function findFile(directory: string, names: readonly string[], optional: boolean): string | null {
  const file = names.map((name) => path.join(directory, name)).find((candidate) => existsSync(candidate));
  if (file !== undefined && statSync(file).isFile()) return file;
  if (optional) return null;
  throw new LabError(
    'engineMissing',
    `TensorFlow is not in ${directory}: ${names[0]} is missing.`,
    `Install the engine (${labCommand('engines install tensorflow-cpu')}), or let NORMLAB_TENSORFLOW point to the folder "tensorflow" of an installed TensorFlow.`,
  );
}

/** Loads a library for good, its symbols visible to those loaded after it. */
function loadLibrary(file: string): LibraryHandle {
  let library: LibraryHandle;
  try {
    library = koffi.load(file, { global: true });
  } catch (cause) {
    throw new LabError(
      'engineMissing',
      `The library ${file} could not be loaded.`,
      `It may be damaged or made for another system: install the engine again (${labCommand('engines install tensorflow-cpu')}).`,
      cause,
    );
  }
  // koffi closes its libraries when the process ends by itself, under TensorFlow's running
  // threads, and the process would crash there. One reference more keeps the library mapped.
  if (process.platform !== 'win32') {
    const lazyAndGlobal = process.platform === 'darwin' ? 0x9 : 0x101;
    koffi.load(null).func('dlopen', 'void *', ['str', 'int'])(file, lazyAndGlobal);
  }
  return library;
}

function declareFunction(
  libraries: readonly LibraryHandle[],
  name: string,
  result: string,
  parameters: readonly string[],
  directory: string,
): unknown {
  let cause: unknown;
  for (const library of libraries) {
    try {
      return library.func(name, result, [...parameters]);
    } catch (error) {
      cause = error;
    }
  }
  throw new LabError(
    'engineFailed',
    `The TensorFlow in ${directory} has no function ${name}: its version does not fit.`,
    `Install the engine that belongs to this version of NormLab (${labCommand('engines install tensorflow-cpu')}).`,
    cause,
  );
}

function cLibrary(): LibraryHandle {
  return koffi.load(process.platform === 'win32' ? 'ucrtbase.dll' : null);
}

/** TensorFlow aborts the whole process on a processor without AVX; say it instead. */
function requireAvx(): void {
  if (process.platform !== 'linux' || process.arch !== 'x64') return;
  let flags: string | undefined;
  try {
    flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1];
  } catch {
    return;
  }
  if (flags === undefined || / avx /.test(`${flags} `)) return;
  throw new LabError(
    'engineFailed',
    'This processor cannot run TensorFlow: it has no AVX instructions.',
    'Use the JavaScript engine, or another machine.',
  );
}

/** Leaves TensorFlow's log to errors that end it; failures come back as statuses anyway. */
function quietenLog(): void {
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '3';
}

/**
 * Runs `load` with standard error closed: while it is being loaded, TensorFlow writes lines that no
 * setting holds back. Not where the user asked for the log.
 */
function withoutStandardError<T>(load: () => T): T {
  if (process.platform === 'win32' || Number(process.env['TF_CPP_MIN_LOG_LEVEL']) < 1) return load();
  const c = cLibrary();
  const open = c.func('open', 'int', ['str', 'int']);
  const duplicate = c.func('dup', 'int', ['int']);
  const replace = c.func('dup2', 'int', ['int', 'int']);
  const close = c.func('close', 'int', ['int']);
  const writeOnly = 1;
  const nowhere = Number(open('/dev/null', writeOnly));
  const standardError = Number(duplicate(2));
  if (nowhere < 0 || standardError < 0) return load();
  replace(nowhere, 2);
  try {
    return load();
  } finally {
    replace(standardError, 2);
    close(standardError);
    close(nowhere);
  }
}
