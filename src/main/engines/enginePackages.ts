/** One wheel, pinned: the only bytes that are ever installed under its name. */
export interface WheelPin {
  project: string;
  version: string;
  fileName: string;
  bytes: number;
  /** Hexadecimal. */
  sha256: string;
}

const tensorflowCpuLinuxX64: WheelPin = {
  project: 'tensorflow-cpu',
  version: '2.21.0',
  fileName: 'tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl',
  bytes: 273_829_956,
  sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
};

/** For 64-bit ARM the build without CUDA has the plain name. */
const tensorflowLinuxArm64: WheelPin = {
  project: 'tensorflow',
  version: '2.21.0',
  fileName: 'tensorflow-2.21.0-cp311-cp311-manylinux_2_27_aarch64.whl',
  bytes: 281_828_020,
  sha256: '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c',
};

/**
 * The build with CUDA and the libraries of its extra `and-cuda`, all of CUDA 12.8.1 so that they fit
 * each other. cuDNN stays below 9.11, which no longer runs on cards before Turing, and above 9.7,
 * which Blackwell needs.
 */
const tensorflowCudaLinuxX64: WheelPin[] = [
  {
    project: 'tensorflow',
    version: '2.21.0',
    fileName: 'tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl',
    bytes: 572_440_367,
    sha256: '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
  },
  {
    project: 'nvidia-cublas-cu12',
    version: '12.8.4.1',
    fileName: 'nvidia_cublas_cu12-12.8.4.1-py3-none-manylinux_2_27_x86_64.whl',
    bytes: 594_346_921,
    sha256: '8ac4e771d5a348c551b2a426eda6193c19aa630236b418086020df5ba9667142',
  },
  {
    project: 'nvidia-cuda-cupti-cu12',
    version: '12.8.90',
    fileName: 'nvidia_cuda_cupti_cu12-12.8.90-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    bytes: 10_248_621,
    sha256: 'ea0cb07ebda26bb9b29ba82cda34849e73c166c18162d3913575b0c9db9a6182',
  },
  {
    project: 'nvidia-cuda-nvcc-cu12',
    version: '12.8.93',
    fileName: 'nvidia_cuda_nvcc_cu12-12.8.93-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
    bytes: 40_128_098,
    sha256: '2d6dc36fb7cb5ac9c0b8825bc13d193c35487a315664007287d0126531238011',
  },
  {
    project: 'nvidia-cuda-nvrtc-cu12',
    version: '12.8.93',
    fileName: 'nvidia_cuda_nvrtc_cu12-12.8.93-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
    bytes: 88_040_029,
    sha256: 'a7756528852ef889772a84c6cd89d41dfa74667e24cca16bb31f8f061e3e9994',
  },
  {
    project: 'nvidia-cuda-runtime-cu12',
    version: '12.8.90',
    fileName: 'nvidia_cuda_runtime_cu12-12.8.90-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    bytes: 954_765,
    sha256: 'adade8dcbd0edf427b7204d480d6066d33902cab2a4707dcfc48a2d0fd44ab90',
  },
  {
    project: 'nvidia-cudnn-cu12',
    version: '9.10.2.21',
    fileName: 'nvidia_cudnn_cu12-9.10.2.21-py3-none-manylinux_2_27_x86_64.whl',
    bytes: 706_758_467,
    sha256: '949452be657fa16687d0930933f032835951ef0892b37d2d53824d1a84dc97a8',
  },
  {
    project: 'nvidia-cufft-cu12',
    version: '11.3.3.83',
    fileName: 'nvidia_cufft_cu12-11.3.3.83-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    bytes: 193_118_695,
    sha256: '4d2dd21ec0b88cf61b62e6b43564355e5222e4a3fb394cac0db101f2dd0d4f74',
  },
  {
    project: 'nvidia-curand-cu12',
    version: '10.3.9.90',
    fileName: 'nvidia_curand_cu12-10.3.9.90-py3-none-manylinux_2_27_x86_64.whl',
    bytes: 63_619_976,
    sha256: 'b32331d4f4df5d6eefa0554c565b626c7216f87a06a4f56fab27c3b68a830ec9',
  },
  {
    project: 'nvidia-cusolver-cu12',
    version: '11.7.3.90',
    fileName: 'nvidia_cusolver_cu12-11.7.3.90-py3-none-manylinux_2_27_x86_64.whl',
    bytes: 267_506_905,
    sha256: '4376c11ad263152bd50ea295c05370360776f8c3427b30991df774f9fb26c450',
  },
  {
    project: 'nvidia-cusparse-cu12',
    version: '12.5.8.93',
    fileName: 'nvidia_cusparse_cu12-12.5.8.93-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    bytes: 288_216_466,
    sha256: '1ec05d76bbbd8b61b06a80e1eaf8cf4959c3d4ce8e711b65ebd0443bb0ebb13b',
  },
  {
    project: 'nvidia-nccl-cu12',
    version: '2.27.7',
    fileName: 'nvidia_nccl_cu12-2.27.7-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl',
    bytes: 322_546_339,
    sha256: 'de5ba5562f08029a19cb1cd659404b18411ed0d6c90ac5f52f30bf99ad5809aa',
  },
  {
    project: 'nvidia-nvjitlink-cu12',
    version: '12.8.93',
    fileName: 'nvidia_nvjitlink_cu12-12.8.93-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl',
    bytes: 39_254_836,
    sha256: '81ff63371a7ebd6e6451970684f916be2eab07321b73c9d244dc2b4da7f73b88',
  },
];

/** An engine that can be installed on one kind of machine. */
export interface EnginePackage {
  id: 'tensorflow-cuda' | 'tensorflow-cpu';
  /** `TensorFlow 2.21.0 (CPU)`. */
  title: string;
  version: string;
  /** Name of its folder in the cache: one for each build, so that versions live side by side. */
  folder: string;
  /** Platform tags to ask pip for, whatever machine pip thinks it is on. */
  pipPlatforms: string[];
  wheels: WheelPin[];
  /** What stays on disk. */
  installedBytes: number;
}

const packages: Record<string, EnginePackage[]> = {
  'linux-x64': [
    {
      id: 'tensorflow-cuda',
      title: 'TensorFlow 2.21.0 (CUDA 12)',
      version: '2.21.0',
      folder: 'tensorflow-cuda-2.21.0-linux-x64',
      pipPlatforms: ['manylinux_2_27_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64', 'manylinux_2_12_x86_64'],
      wheels: tensorflowCudaLinuxX64,
      installedBytes: 5_101_222_836,
    },
    {
      id: 'tensorflow-cpu',
      title: 'TensorFlow 2.21.0 (CPU)',
      version: '2.21.0',
      folder: 'tensorflow-cpu-2.21.0-linux-x64',
      pipPlatforms: ['manylinux_2_27_x86_64'],
      wheels: [tensorflowCpuLinuxX64],
      installedBytes: 853_308_936,
    },
  ],
  'linux-arm64': [
    {
      id: 'tensorflow-cpu',
      title: 'TensorFlow 2.21.0 (CPU)',
      version: '2.21.0',
      folder: 'tensorflow-cpu-2.21.0-linux-arm64',
      pipPlatforms: ['manylinux_2_27_aarch64'],
      wheels: [tensorflowLinuxArm64],
      installedBytes: 883_062_208,
    },
  ],
};

/** Engines that can be installed on a platform, best first; none where there is no build for it. */
export function findEnginePackages(platform: string, architecture: string): EnginePackage[] {
  return packages[`${platform}-${architecture}`] ?? [];
}

/** All that is downloaded for an engine. */
export function downloadBytes(enginePackage: EnginePackage): number {
  return enginePackage.wheels.reduce((sum, wheel) => sum + wheel.bytes, 0);
}

/**
 * True for the files of a wheel that training needs: the libraries of TensorFlow and of NVIDIA, and
 * the assembler and device library with which TensorFlow compiles kernels for a new card.
 */
export function isNeededFile(name: string): boolean {
  if (/\.alt\.so\./.test(name)) return false;
  return (
    /^tensorflow\/lib[^/]+\.so(\.\d+)*$/.test(name) ||
    /^nvidia\/[^/]+\/lib\/[^/]+\.so(\.\d+)*$/.test(name) ||
    /^nvidia\/cuda_nvcc\/(bin\/ptxas|nvvm\/libdevice\/[^/]+\.bc)$/.test(name)
  );
}
