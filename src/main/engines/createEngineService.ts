import { join, resolve } from 'node:path';
import { formatBytes } from '#shared/formatBytes.ts';
import { LabError, toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { labCommand } from '#shared/labCommand.ts';
import type { EngineDescription, EngineLocation } from '#shared/protocol.ts';
import { findCacheDirectory, findDamage, isWhole, readManifest, type Environment } from './engineCache.ts';
import { createEngineMemory } from './engineMemory.ts';
import { downloadBytes, findEnginePackages, type EnginePackage } from './enginePackages.ts';
import type { EngineId, EngineService, EngineStatus } from './engineService.ts';
import { findGivenTensorFlow, type GivenTensorFlow } from './givenTensorFlow.ts';
import { installEngine } from './installEngine.ts';
import { describeMachine, explainNoCuda, type Machine } from './machine.ts';

export interface EngineServiceOptions {
  /**
   * Asks a trainer process about an engine; rejects where the engine cannot be loaded. Null takes
   * engines as they are, without loading any.
   */
  describeEngine:
    ((location: EngineLocation) => Promise<{ engine: EngineDescription; residentMemoryBytes: number }>) | null;
  cacheDirectory?: string;
  environment?: Environment;
  machine?: Machine;
  /** What can be installed here; by default what is pinned for this platform. */
  packages?: EnginePackage[];
}

type TensorFlowLocation = Extract<EngineLocation, { kind: 'tensorflow' }>;
type TensorFlowId = Exclude<EngineId, 'javascript'>;

/** A rung of the ladder before anyone asks who is chosen. */
type Rung = Omit<EngineStatus, 'chosen' | 'description' | 'residentMemoryBytes'>;

const installCommand = (id: EngineId): string => labCommand(`engines install ${id}`);
const titles: Record<EngineId, string> = {
  'tensorflow-cuda': 'TensorFlow (CUDA 12)',
  'tensorflow-cpu': 'TensorFlow (CPU)',
  javascript: 'Plain JavaScript',
};

/** Failures that lie in the engine or the machine, and so would come again. */
const loadFailures = new Set<LabErrorData['code']>(['engineFailed', 'engineMissing', 'trainerLost']);

function toStatus(described: { engine: EngineDescription; residentMemoryBytes: number }): Partial<EngineStatus> {
  return { description: described.engine, residentMemoryBytes: described.residentMemoryBytes };
}

/** The engine service over the user's cache of engines and `NORMLAB_TENSORFLOW`. */
export function createEngineService(options: EngineServiceOptions): EngineService {
  const environment = options.environment ?? process.env;
  const cacheDirectory = resolve(options.cacheDirectory ?? findCacheDirectory(environment, process.platform));
  const memory = createEngineMemory(cacheDirectory);
  let knownMachine: Promise<Machine> | undefined = options.machine && Promise.resolve(options.machine);

  const findMachine = (): Promise<Machine> => (knownMachine ??= describeMachine(environment));

  async function findPackage(id: EngineId): Promise<EnginePackage | null> {
    const { platform, architecture } = await findMachine();
    const packages = options.packages ?? findEnginePackages(platform, architecture);
    return packages.find((candidate) => candidate.id === id) ?? null;
  }

  const locate = (id: TensorFlowId, libraryDirectory: string): TensorFlowLocation => ({
    kind: 'tensorflow',
    libraryDirectory,
    device: id === 'tensorflow-cuda' ? 'gpu' : 'cpu',
    threads: null,
  });

  /** Loading an engine is tried anew when its place or the driver changes. */
  async function loadKey({ libraryDirectory, device }: TensorFlowLocation): Promise<string> {
    const { nvidiaDriver } = await findMachine();
    return `load ${device} ${libraryDirectory} ${nvidiaDriver?.version ?? 'without driver'}`;
  }

  async function findRung(
    id: TensorFlowId,
    given: GivenTensorFlow | LabError | null,
    tryAgain: boolean,
  ): Promise<Rung> {
    const machine = await findMachine();
    const enginePackage = await findPackage(id);
    const rung = { id, title: enginePackage?.title ?? titles[id], location: null, bytes: null };
    const unavailable = (reason: string): Rung => ({ ...rung, state: 'unavailable', reason });
    const ready = async (libraryDirectory: string, bytes: number, reason: string): Promise<Rung> => {
      const location = locate(id, libraryDirectory);
      const failure = tryAgain ? null : await memory.recentFailure(await loadKey(location));
      if (failure !== null) return { ...unavailable(failure.message), bytes };
      return { ...rung, state: 'ready', reason, location, bytes };
    };

    const noCuda = id === 'tensorflow-cuda' ? explainNoCuda(machine) : null;
    if (noCuda !== null) return unavailable(noCuda);
    if (given instanceof LabError) return unavailable(given.message);
    if (given !== null) {
      if (id === 'tensorflow-cuda' && !given.hasCuda) {
        return unavailable('The TensorFlow that NORMLAB_TENSORFLOW names is built without CUDA.');
      }
      return ready(given.libraryDirectory, given.bytes, 'NORMLAB_TENSORFLOW names it.');
    }
    if (enginePackage === null) {
      return unavailable(
        `There is no build of it for ${machine.platform} on ${machine.architecture} that NormLab can install.`,
      );
    }
    if (await isWhole(cacheDirectory, enginePackage)) {
      const libraryDirectory = join(cacheDirectory, enginePackage.folder, 'tensorflow');
      return ready(libraryDirectory, enginePackage.installedBytes, 'It is installed.');
    }
    const size = formatBytes(downloadBytes(enginePackage));
    const isDamaged = (await readManifest(join(cacheDirectory, enginePackage.folder))) !== null;
    const failure = await memory.recentFailure(`install ${id}`);
    return {
      ...rung,
      state: 'installable',
      reason: `${isDamaged ? 'Files of it are missing or cut short' : 'Not installed'}; ${installCommand(id)} downloads ${size}.${failure === null ? '' : ` The last attempt failed: ${failure.message}`}`,
      bytes: downloadBytes(enginePackage),
    };
  }

  /** TensorFlow's rungs, best first; `tryAgain` passes over that one could not be loaded a while ago. */
  async function findTensorFlowRungs(
    tryAgain = false,
  ): Promise<{ rungs: Rung[]; given: GivenTensorFlow | LabError | null }> {
    const given = await findGivenTensorFlow(environment).catch((error: unknown) => {
      if (error instanceof LabError) return error;
      throw error;
    });
    const rungs: Rung[] = [];
    for (const id of ['tensorflow-cuda', 'tensorflow-cpu'] as const) {
      rungs.push(await findRung(id, given, tryAgain));
    }
    return { rungs, given };
  }

  const javascriptRung: Rung = {
    id: 'javascript',
    title: titles.javascript,
    state: 'ready',
    reason: 'It is always there, and hundreds of times slower: for looking around only.',
    location: { kind: 'javascript' },
    bytes: 0,
  };

  /** Loads an engine in a trainer process and remembers how it went. */
  async function describe(location: EngineLocation): Promise<Partial<EngineStatus>> {
    if (options.describeEngine === null) return {};
    if (location.kind === 'javascript') return toStatus(await options.describeEngine(location));
    const key = await loadKey(location);
    try {
      const described = await options.describeEngine(location);
      if (!(await memory.hasSucceeded(key))) await memory.remember(key, null);
      return toStatus(described);
    } catch (error) {
      const data = toLabErrorData(error);
      if (loadFailures.has(data.code)) await memory.remember(key, data);
      throw error;
    }
  }

  async function list({ describe: wantsDescription = false } = {}): Promise<EngineStatus[]> {
    const { rungs } = await findTensorFlowRungs(wantsDescription);
    const ladder: EngineStatus[] = [];
    for (const rung of [...rungs, javascriptRung]) {
      const status: EngineStatus = { ...rung, chosen: false, description: null, residentMemoryBytes: null };
      ladder.push(status);
      if (!wantsDescription || status.location === null) continue;
      try {
        Object.assign(status, await describe(status.location));
      } catch (error) {
        Object.assign(status, { state: 'unavailable', location: null, reason: toLabErrorData(error).message });
      }
    }
    const best = ladder.find((status) => status.state === 'ready');
    for (const status of ladder.filter((candidate) => candidate.state === 'ready')) {
      if (status === best) status.chosen = true;
      else status.reason += ` Not used, because ${best?.title ?? 'another engine'} is faster.`;
    }
    return ladder;
  }

  async function install(id: EngineId, request: Parameters<EngineService['install']>[1] = {}): Promise<EngineStatus> {
    const enginePackage = await findPackage(id);
    if (id !== 'javascript') {
      if (enginePackage === null) {
        const { platform, architecture } = await findMachine();
        throw new LabError(
          'engineMissing',
          `There is no build of ${titles[id]} for ${platform} on ${architecture} that NormLab can install.`,
          'Let NORMLAB_TENSORFLOW name an installed TensorFlow, or use the engine javascript.',
        );
      }
      // Asked for by name: what failed before is tried again.
      await memory.forget();
      await installRemembering(enginePackage, request);
    }
    const status = (await list()).find((candidate) => candidate.id === id);
    if (status === undefined) throw new Error(`engine ${id} is not on the ladder`);
    return status;
  }

  async function installRemembering(
    enginePackage: EnginePackage,
    { wheelFile, onProgress = () => undefined, signal }: NonNullable<Parameters<EngineService['install']>[1]>,
  ): Promise<void> {
    try {
      await installEngine(enginePackage, {
        cacheDirectory,
        environment,
        wheelFile: wheelFile === undefined ? null : resolve(environment['INIT_CWD'] ?? '.', wheelFile),
        onProgress,
        signal,
      });
    } catch (error) {
      const data = toLabErrorData(error);
      if (data.code !== 'cancelled') await memory.remember(`install ${enginePackage.id}`, data);
      throw error;
    }
  }

  /** Rejects where the engine does not load on this machine; asked once, then remembered. */
  async function checkLoads(location: TensorFlowLocation): Promise<void> {
    if (await memory.hasSucceeded(await loadKey(location))) return;
    await describe(location);
  }

  async function choose(
    wanted: Parameters<EngineService['choose']>[0],
    request: Parameters<EngineService['choose']>[1] = {},
  ): ReturnType<EngineService['choose']> {
    const javascript = { location: { kind: 'javascript' } as const, id: 'javascript' as const };
    if (wanted === 'javascript') return { ...javascript, notes: [] };
    const notes: LabErrorData[] = [];
    const { rungs, given } = await findTensorFlowRungs();
    if (given instanceof LabError) throw given;
    const attempt = async (rung: Rung): Promise<{ location: EngineLocation; id: EngineId } | null> => {
      try {
        let status = rung;
        const enginePackage = await findPackage(rung.id);
        if (rung.state === 'installable' && enginePackage !== null) {
          await installRemembering(enginePackage, request);
          const { rungs: after } = await findTensorFlowRungs();
          status = after.find((candidate) => candidate.id === rung.id) ?? rung;
        }
        if (status.location?.kind !== 'tensorflow') {
          throw new LabError('engineMissing', status.reason, `Try ${installCommand(rung.id)} to see why.`);
        }
        await checkLoads(status.location);
        return { location: status.location, id: rung.id };
      } catch (error) {
        const data = toLabErrorData(error);
        if (data.code === 'cancelled' || request.signal?.aborted) throw error;
        notes.push(data);
        return null;
      }
    };

    // What is there comes before what would have to be installed.
    for (const rung of rungs.filter(({ state }) => state === 'ready')) {
      const found = await attempt(rung);
      if (found !== null) return { ...found, notes };
    }
    for (const rung of rungs.filter(({ state }) => state === 'installable')) {
      const failure = await memory.recentFailure(`install ${rung.id}`);
      if (failure !== null) {
        notes.push({ ...failure, hint: `${failure.hint} ${installCommand(rung.id)} tries again at once.` });
      } else if (request.install === false) {
        notes.push({ code: 'engineMissing', message: `${rung.title}: ${rung.reason}`, hint: 'Install it.' });
      } else {
        const found = await attempt(rung);
        if (found !== null) return { ...found, notes };
      }
    }
    for (const { id, state, title, reason } of rungs) {
      if (state === 'unavailable' && id === 'tensorflow-cpu') {
        notes.push({
          code: 'engineMissing',
          message: `${title}: ${reason}`,
          hint: 'Let NORMLAB_TENSORFLOW name an installed TensorFlow to use it.',
        });
      }
    }
    if (wanted === 'auto') {
      notes.push({
        code: 'engineMissing',
        message: 'Training goes on in plain JavaScript, hundreds of times slower.',
        hint: `It does for looking around; ${installCommand('tensorflow-cpu')} gets the fast engine.`,
      });
      return { ...javascript, notes };
    }
    const last = notes.at(-1);
    throw new LabError(
      'engineMissing',
      `TensorFlow cannot be used. ${last?.message ?? ''}`.trim(),
      last?.hint ?? `Try ${installCommand('tensorflow-cpu')}.`,
    );
  }

  async function verifyFiles(id: EngineId): Promise<string[]> {
    if (id === 'javascript') return [];
    const enginePackage = await findPackage(id);
    const directory = enginePackage && join(cacheDirectory, enginePackage.folder);
    const manifest = directory && (await readManifest(directory));
    if (!directory || !manifest) {
      throw new LabError(
        'engineMissing',
        `${enginePackage?.title ?? titles[id]} is not installed by NormLab here.`,
        `Install it with ${installCommand(id)}.`,
      );
    }
    return findDamage(directory, manifest, { hashes: true });
  }

  return { list, choose, install, verifyFiles };
}
