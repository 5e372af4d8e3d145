import { LabError } from '#shared/errors.ts';
import type { Pointer } from './functions.ts';
import type { TensorflowLibrary } from './library.ts';

const resourceExhausted = 8;

/** The status object through which TensorFlow reports failures; one serves a whole engine. */
export class Status {
  readonly pointer: Pointer;
  readonly #library: TensorflowLibrary;

  constructor(library: TensorflowLibrary) {
    this.#library = library;
    this.pointer = library.TF_NewStatus();
  }

  /**
   * Throws if the last call failed.
   *
   * @param activity what was being done, to go on from "TensorFlow failed in …"
   * @throws LabError `engineFailed` with TensorFlow's message as the cause
   */
  check(activity: string): void {
    const code = this.#library.TF_GetCode(this.pointer);
    if (code === 0) return;
    throw failure(activity, code, this.#library.TF_Message(this.pointer));
  }

  dispose(): void {
    this.#library.TF_DeleteStatus(this.pointer);
  }
}

function failure(activity: string, code: number, message: string): LabError {
  if (code === resourceExhausted) {
    return new LabError(
      'engineFailed',
      `The engine ran out of memory in ${activity}.`,
      'Reduce the batch size, or close other programs that use the memory of this device.',
      message,
    );
  }
  const firstLine = message.split('\n', 1)[0] ?? '';
  return new LabError(
    'engineFailed',
    `TensorFlow failed in ${activity}: ${firstLine.slice(0, 400)}`,
    'Check the shapes and the settings of the experiment; if they are right, report this with the details of the log.',
    message,
  );
}
