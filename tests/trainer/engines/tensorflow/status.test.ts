import { describe, expect, it } from 'vitest';
import { LabError } from '#shared/errors.ts';
import type { TensorflowLibrary } from '#trainer/engines/tensorflow/library.ts';
import { Status } from '#trainer/engines/tensorflow/status.ts';

/** A status whose last call ended as given; TensorFlow itself takes ten seconds to run out of memory. */
function statusOf(code: number, message: string): Status {
  return new Status({
    TF_NewStatus: () => 1n,
    TF_GetCode: () => code,
    TF_Message: () => message,
  } as unknown as TensorflowLibrary);
}

describe('status', () => {
  it('lets success pass', () => {
    expect(() => statusOf(0, '').check('Conv2D')).not.toThrow();
  });

  it('advises a smaller batch where memory ran out', () => {
    const message =
      'OOM when allocating tensor with shape[4096,32,32,64] on CPU by allocator cpu\n\t [[{{node Conv2D}}]]';
    expect(() => statusOf(8, message).check('Conv2D')).toThrow(
      new LabError(
        'engineFailed',
        'The engine ran out of memory in Conv2D.',
        'Reduce the batch size, or close other programs that use the memory of this device.',
        message,
      ),
    );
  });

  it('names the operation and tells the first line of the cause, the rest for the log', () => {
    const message = 'Incompatible shapes: [2] vs. [3]\n\t [[{{node AddV2_3}}]]';
    try {
      statusOf(3, message).check('AddV2');
    } catch (error) {
      expect(error).toMatchObject({
        code: 'engineFailed',
        message: 'TensorFlow failed in AddV2: Incompatible shapes: [2] vs. [3]',
        cause: message,
      });
      return;
    }
    throw new Error('it passed');
  });
});
