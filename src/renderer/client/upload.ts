import { LabError } from '#shared/errors.ts';
import { readAnswer } from '#shared/transport/httpClient.ts';

export interface UploadOptions {
  token: string;
  /** Bytes sent of all files. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

interface UploadedFile {
  file: string;
  folder: string;
}

/**
 * Sends files that were dropped on the page to the lab's machine. What was dropped together lies in one
 * folder there until it is imported.
 * @returns The path to import: of the file where there is one only, else of the folder.
 * @throws LabError as the lab answered, `cancelled`, or `labUnreachable`.
 */
export async function uploadFiles(files: readonly File[], options: UploadOptions): Promise<string> {
  const drop = [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('');
  const total = files.reduce((sum, file) => sum + file.size, 0);
  let sent = 0;
  let last: UploadedFile | null = null;
  for (const file of files) {
    const before = sent;
    last = await uploadFile(`/upload/${drop}?name=${encodeURIComponent(file.name)}`, file, options, (done) => {
      options.onProgress?.(before + done, total);
    });
    sent += file.size;
  }
  if (last === null) throw new LabError('invalidArgument', 'No file was dropped.', 'Drop an archive or its files.');
  return files.length === 1 ? last.file : last.folder;
}

/** XMLHttpRequest, because fetch does not tell how much was sent. */
function uploadFile(
  url: string,
  file: File,
  { token, signal }: UploadOptions,
  onProgress: (done: number) => void,
): Promise<UploadedFile> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const unreachable = (): void => {
      reject(
        new LabError(
          'labUnreachable',
          'The lab cannot be reached.',
          'Check that NormLab still runs, then drop the file again.',
        ),
      );
    };
    request.open('POST', url);
    request.setRequestHeader('authorization', `Bearer ${token}`);
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.upload.onprogress = (event) => onProgress(event.loaded);
    request.onerror = unreachable;
    request.onabort = () =>
      reject(new LabError('cancelled', 'The transfer was cancelled.', 'Drop the file again when you like.'));
    request.onload = () => {
      const { status, responseText } = request;
      const answer = { ok: status === 200, status, body: null, text: () => Promise.resolve(responseText) };
      readAnswer(answer).then((value) => resolve(value as UploadedFile), reject);
    };
    signal?.addEventListener('abort', () => request.abort(), { once: true });
    request.send(file);
  });
}
