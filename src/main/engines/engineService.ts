import type { LabErrorData } from '#shared/errors.ts';
import type { EngineDescription, EngineLocation } from '#shared/protocol.ts';

export type EngineId = 'tensorflow-cuda' | 'tensorflow-cpu' | 'javascript';

export interface InstallProgress {
  /** In words: `Downloading TensorFlow 2.21.0 (CPU)`. */
  phase: string;
  doneBytes: number;
  /** Null where unknown. */
  totalBytes: number | null;
  bytesPerSecond: number | null;
  secondsLeft: number | null;
}

/** One rung of the ladder, best first. */
export interface EngineStatus {
  id: EngineId;
  title: string;
  state: 'ready' | 'installable' | 'unavailable';
  /** Why it is not used, or which one is: one sentence. */
  reason: string;
  /** True for the engine that `auto` takes. */
  chosen: boolean;
  location: EngineLocation | null;
  /** Bytes on disk where it is installed, bytes to download where it is installable. */
  bytes: number | null;
  /** Filled in by asking a trainer process; null until then. */
  description: EngineDescription | null;
  residentMemoryBytes: number | null;
}

/** Finds, installs and chooses engines; never loads one into this process. */
export interface EngineService {
  /** The ladder; `describe` starts a trainer for each engine that is ready. */
  list(options?: { describe?: boolean }): Promise<EngineStatus[]>;
  /**
   * The engine for a run: the best that is there, installed first where none is (best effort:
   * where that fails the next rung is taken and the reason is returned).
   * @throws LabError `engineMissing` where a named engine cannot be had.
   */
  choose(
    wanted: 'auto' | 'tensorflow' | 'javascript',
    options?: { install?: boolean; onProgress?: (progress: InstallProgress) => void; signal?: AbortSignal },
  ): Promise<{ location: EngineLocation; id: EngineId; notes: LabErrorData[] }>;
  /**
   * Installs an engine, or does nothing where it is whole already. Two at once: the second waits.
   * @param options.wheelFile Wheel carried here by hand, or a folder of wheels where an engine needs several.
   * @throws LabError `downloadFailed`, `diskFull`, `engineMissing`, `engineFailed` or `cancelled`; nothing is half-installed.
   */
  install(
    id: EngineId,
    options?: { wheelFile?: string; onProgress?: (progress: InstallProgress) => void; signal?: AbortSignal },
  ): Promise<EngineStatus>;
  /**
   * Compares the files of an installed engine with its manifest: sizes and SHA-256.
   * @returns what is wrong, in words; empty where all is as installed.
   * @throws LabError `engineMissing` where it is not installed by NormLab.
   */
  verifyFiles(id: EngineId): Promise<string[]>;
}
