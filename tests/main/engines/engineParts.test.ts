import { describe, expect, it } from 'vitest';
import { findCacheDirectory } from '#main/engines/engineCache.ts';
import { downloadBytes, findEnginePackages, isNeededFile } from '#main/engines/enginePackages.ts';
import { explainNoCuda, parseDriverVersion } from '#main/engines/machine.ts';
import { explainPipFailure } from '#main/engines/pip.ts';
import { createProgressMeter } from '#main/engines/progressMeter.ts';
import type { InstallProgress } from '#main/engines/engineService.ts';

describe('the NVIDIA driver', () => {
  it('has its version in the words of both kernel modules', () => {
    const closed = 'NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024';
    const open = 'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.10  Release Build';
    expect(parseDriverVersion(closed)).toBe('550.54.15');
    expect(parseDriverVersion(open)).toBe('570.86.10');
    expect(parseDriverVersion('something else')).toBeNull();
  });

  it('is needed, new enough and within reach for CUDA', () => {
    const machine = { platform: 'linux', architecture: 'x64' };
    const explain = (version: string | null, libraryFound: boolean) =>
      explainNoCuda({ ...machine, nvidiaDriver: { version, libraryFound } });
    expect(explainNoCuda({ ...machine, nvidiaDriver: null })).toBe('No NVIDIA driver was found.');
    expect(explain('470.82.01', true)).toContain('too old');
    expect(explain('550.54.15', false)).toContain('libcuda.so.1');
    expect(explain('525.60.13', true)).toBeNull();
    expect(explain(null, true)).toBeNull();
  });
});

describe('the cache of engines', () => {
  it('is where the system keeps caches, or where the user says', () => {
    const home = { HOME: '/home/ada' };
    expect(findCacheDirectory(home, 'linux')).toBe('/home/ada/.cache/normlab/engines');
    expect(findCacheDirectory({ ...home, XDG_CACHE_HOME: '/fast' }, 'linux')).toBe('/fast/normlab/engines');
    expect(findCacheDirectory(home, 'darwin')).toBe('/home/ada/Library/Caches/normlab/engines');
    expect(findCacheDirectory({ ...home, NORMLAB_ENGINE_DIR: '/shared/engines' }, 'linux')).toBe('/shared/engines');
  });
});

describe('the pinned packages', () => {
  it('are the CUDA build and the CPU build for 64-bit Linux', () => {
    expect(findEnginePackages('linux', 'x64').map(({ id }) => id)).toEqual(['tensorflow-cuda', 'tensorflow-cpu']);
    expect(findEnginePackages('linux', 'arm64').map(({ id }) => id)).toEqual(['tensorflow-cpu']);
    expect(findEnginePackages('win32', 'x64')).toEqual([]);
  });

  it('have whole hashes, and the CUDA build each library of CUDA once', () => {
    const [cuda] = findEnginePackages('linux', 'x64');
    expect(cuda?.wheels).toHaveLength(13);
    expect(new Set(cuda?.wheels.map(({ sha256 }) => sha256)).size).toBe(13);
    for (const wheel of cuda?.wheels ?? []) expect(wheel.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(cuda && downloadBytes(cuda)).toBe(3_187_180_485);
  });

  it('give up only the files that training needs', () => {
    const needed = [
      'tensorflow/libtensorflow_cc.so.2',
      'nvidia/cudnn/lib/libcudnn_ops.so.9',
      'nvidia/cuda_cupti/lib/libcheckpoint.so',
      'nvidia/cuda_nvcc/bin/ptxas',
      'nvidia/cuda_nvcc/nvvm/libdevice/libdevice.10.bc',
    ];
    const others = [
      'tensorflow/python/lib/core/_pywrap_py_func.so',
      'tensorflow/include/Eigen/Core',
      'nvidia/cudnn/include/cudnn.h',
      'nvidia/cuda_nvrtc/lib/libnvrtc.alt.so.12',
      'nvidia/cuda_nvcc/nvvm/lib64/libnvvm.so',
      'evil/../tensorflow/libtensorflow_cc.so.2',
      'tensorflow/libx/../../../lib.so',
    ];
    expect([...needed, ...others].filter(isNeededFile)).toEqual(needed);
  });
});

describe('a failure of pip', () => {
  const wheel = { project: 'tensorflow-cpu', version: '2.21.0', fileName: '', bytes: 0, sha256: '' };
  const explain = (output: string) =>
    explainPipFailure(output, wheel, { command: 'pip', prefix: [], version: '23.2.1' });

  it.each([
    [
      'diskFull',
      'The disk is full',
      'ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device',
    ],
    [
      'downloadFailed',
      'not what was expected',
      'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.',
    ],
    [
      'downloadFailed',
      'no connection',
      "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError'\nERROR: No matching distribution found",
    ],
    ['downloadFailed', 'does not offer', 'ERROR: No matching distribution found for tensorflow-cpu==2.21.0'],
    ['downloadFailed', 'could not download', 'Segmentation fault'],
  ])('is %s: %s', (code, words, output) => {
    const error = explain(output);
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
    expect(error.cause).toBe(output);
  });
});

describe('the progress of a download', () => {
  it('has the rate of the last seconds and the time left', () => {
    let nowMs = 0;
    const seen: InstallProgress[] = [];
    const totalBytes = 1000;
    const report = createProgressMeter(
      'Downloading',
      totalBytes,
      (progress) => seen.push(progress),
      () => nowMs,
    );
    report(0);
    for (const bytes of [100, 200, 300]) {
      nowMs += 1000;
      report(bytes);
    }
    expect(seen[0]).toEqual({
      phase: 'Downloading',
      doneBytes: 0,
      totalBytes: 1000,
      bytesPerSecond: null,
      secondsLeft: null,
    });
    expect(seen[3]).toMatchObject({ doneBytes: 300, bytesPerSecond: 100, secondsLeft: 7 });
    // Ten times as fast from here on: after the window has passed, the slow start is forgotten.
    for (let second = 1; second <= 6; second += 1) {
      nowMs += 1000;
      report(300 + 1000 * second);
    }
    expect(seen.at(-1)?.bytesPerSecond).toBe(1000);
  });
});
