import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { EnginePackage, WheelPin } from '#main/engines/enginePackages.ts';
import { createEngineService, type EngineServiceOptions } from '#main/engines/createEngineService.ts';
import type { EngineDescription } from '#shared/protocol.ts';

/** A ZIP file with stored entries, by the format's specification (PKWARE APPNOTE 4.3). */
export function makeZip(files: Record<string, string>): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const data = Buffer.from(text);
    const nameBytes = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(nameBytes.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, nameBytes, data]);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    central.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, place, nameBytes]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(central.length, 4);
  end.writeUInt16LE(central.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, directory, Buffer.from('PK\x05\x06'), end]);
}

/**
 * Stands for Python with pip: says its version, and "downloads" from a folder. It writes down every
 * call, and behaves as the file `mode` says: ok, network, hang.
 */
const fakePython = (node: string, folder: string): string => `#!${node}
const fs = require('node:fs'), path = require('node:path');
const folder = ${JSON.stringify(folder)}, args = process.argv.slice(2);
if (args[0] === '-c') process.exit(0);
if (args.includes('--version')) { console.log(fs.readFileSync(path.join(folder, 'version'), 'utf8')); process.exit(0); }
const requirement = fs.readFileSync(args[args.indexOf('-r') + 1], 'utf8');
const project = requirement.split('==')[0];
fs.appendFileSync(path.join(folder, 'calls'), project + '\\n');
const mode = fs.readFileSync(path.join(folder, 'mode'), 'utf8');
if (mode === 'network') {
  console.error('WARNING: Retrying (Retry(total=1)) after connection broken by NewConnectionError');
  console.error('ERROR: No matching distribution found for ' + project);
  process.exit(1);
}
const wheel = fs.readdirSync(path.join(folder, 'wheels')).find((name) => name.startsWith(project.replaceAll('-', '_') + '-'));
if (mode === 'hang:' + project) {
  fs.writeFileSync(path.join(process.env.TMPDIR, wheel), 'part');
  fs.writeFileSync(path.join(folder, 'pid'), String(process.pid));
  setInterval(() => {}, 1000);
} else fs.copyFileSync(path.join(folder, 'wheels', wheel), path.join(args[args.indexOf('-d') + 1], wheel));
`;

export const cpuWheelFiles = {
  'tensorflow/libtensorflow_framework.so.2': 'framework',
  'tensorflow/libtensorflow_cc.so.2': 'operations',
  'tensorflow/python/ops.py': 'print()',
};

const description: EngineDescription = {
  kind: 'tensorflow',
  title: 'TensorFlow',
  version: '2.21.0',
  device: 'cpu',
  deviceMemoryBytes: null,
  threads: 2,
  versions: {},
  capabilities: { compiledSteps: true, fusedOperations: true, precisions: ['float32'] },
};

/** A machine of its own for a test: cache, Python, wheels, and trainer processes that are only counted. */
export async function createEngineFixture() {
  const root = await mkdtemp(join(tmpdir(), 'normlab-engines-'));
  const cacheDirectory = join(root, 'cache');
  const pipFolder = join(root, 'pip');
  const binaries = join(root, 'bin');
  await mkdir(join(pipFolder, 'wheels'), { recursive: true });
  await mkdir(binaries);
  await writeFile(join(binaries, 'python3'), fakePython(process.execPath, pipFolder));
  await chmod(join(binaries, 'python3'), 0o755);

  const environment: Record<string, string | undefined> = { PATH: [binaries, join(root, 'none')].join(delimiter) };
  const described: string[] = [];
  const fixture = {
    root,
    cacheDirectory,
    environment,
    /** Devices of the engines that were loaded, in order. */
    described,
    failingDevices: new Map<string, Error>(),
    setPip: (mode: string) => writeFile(join(pipFolder, 'mode'), mode),
    setPipVersion: (text: string) => writeFile(join(pipFolder, 'version'), text),
    pipCalls: async () => (await readFile(join(pipFolder, 'calls'), 'utf8').catch(() => '')).split('\n').slice(0, -1),
    pipPid: () => readFile(join(pipFolder, 'pid'), 'utf8').then(Number, () => null),
    wheelPath: (pin: WheelPin) => join(pipFolder, 'wheels', pin.fileName),
    async addWheel(project: string, files: Record<string, string>): Promise<WheelPin> {
      const bytes = makeZip(files);
      const fileName = `${project.replaceAll('-', '_')}-1.0-py3-none-any.whl`;
      await writeFile(join(pipFolder, 'wheels', fileName), bytes);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return { project, version: '1.0', fileName, bytes: bytes.length, sha256 };
    },
    createService: (packages: EnginePackage[], more: Partial<EngineServiceOptions> = {}) =>
      createEngineService({
        describeEngine: (location) => {
          const device = location.kind === 'javascript' ? 'javascript' : location.device;
          described.push(device);
          const failure = fixture.failingDevices.get(device);
          if (failure !== undefined) return Promise.reject(failure);
          return Promise.resolve({ engine: description, residentMemoryBytes: 1e8 });
        },
        cacheDirectory,
        environment,
        machine: { platform: 'linux', architecture: 'x64', nvidiaDriver: null },
        packages,
        ...more,
      }),
    remove: () => rm(root, { recursive: true, force: true }),
  };
  await fixture.setPip('ok');
  await fixture.setPipVersion('pip 23.2.1 from /somewhere (python 3.11)');
  return fixture;
}

export function makePackage(id: EnginePackage['id'], wheels: WheelPin[]): EnginePackage {
  const title = `TensorFlow 1.0 (${id})`;
  return { id, title, version: '1.0', folder: `${id}-1.0`, pipPlatforms: ['any'], wheels, installedBytes: 19 };
}
