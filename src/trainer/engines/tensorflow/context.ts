import { LabError } from '#shared/errors.ts';
import { labCommand } from '#shared/labCommand.ts';
import { encodeSessionConfig, type SessionConfig } from './configProto.ts';
import type { Pointer } from './functions.ts';
import type { TensorflowLibrary } from './library.ts';
import { Status } from './status.ts';

export interface Device {
  /** `/job:localhost/replica:0/task:0/device:GPU:0` */
  name: string;
  /** `CPU`, `GPU`, … */
  type: string;
  /** Memory that TensorFlow may use of it. */
  memoryBytes: number;
}

/** TensorFlow's eager context: devices, threads, kernels and compiled functions of one engine. */
export class EagerContext {
  readonly library: TensorflowLibrary;
  readonly status: Status;
  readonly pointer: Pointer;
  readonly devices: readonly Device[];

  /** @throws LabError `engineFailed` if TensorFlow cannot set up its devices */
  constructor(library: TensorflowLibrary, config: SessionConfig) {
    this.library = library;
    this.status = new Status(library);
    const options = library.TFE_NewContextOptions();
    try {
      const bytes = encodeSessionConfig(config);
      library.TFE_ContextOptionsSetConfig(options, bytes, bytes.length, this.status.pointer);
      this.status.check('the session configuration');
      this.pointer = library.TFE_NewContext(options, this.status.pointer);
      this.status.check('the set-up of its devices');
      this.devices = this.#listDevices();
    } catch (error) {
      this.status.dispose();
      throw error;
    } finally {
      library.TFE_DeleteContextOptions(options);
    }
  }

  /** @throws LabError `engineMissing` where TensorFlow sees no CUDA device */
  requireGpu(): Device {
    const gpu = this.devices.find((device) => device.type === 'GPU');
    if (gpu !== undefined) return gpu;
    throw new LabError(
      'engineMissing',
      'TensorFlow found no CUDA device.',
      `Check the NVIDIA driver (nvidia-smi) and that the engine is the CUDA build (${labCommand('engines list')}), or train on the CPU.`,
      this.devices.map((device) => device.name).join(', '),
    );
  }

  dispose(): void {
    this.library.TFE_DeleteContext(this.pointer);
    this.status.dispose();
  }

  #listDevices(): Device[] {
    const { library, status } = this;
    const list = library.TFE_ContextListDevices(this.pointer, status.pointer);
    status.check('the list of its devices');
    try {
      return Array.from({ length: library.TF_DeviceListCount(list) }, (_, index) => {
        const device = {
          name: library.TF_DeviceListName(list, index, status.pointer),
          type: library.TF_DeviceListType(list, index, status.pointer),
          memoryBytes: Number(library.TF_DeviceListMemoryBytes(list, index, status.pointer)),
        };
        status.check('the list of its devices');
        return device;
      });
    } finally {
      library.TF_DeleteDeviceList(list);
    }
  }
}
