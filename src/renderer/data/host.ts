/** What differs between a window of the application and a page in a browser. */
export interface Host {
  kind: 'desktop' | 'browser';
  /** Hands a file to the person: a save dialog or a download. Null where it was cancelled. */
  saveFile(suggestedName: string, content: Blob): Promise<string | null>;
  /** Asks for a data set's folder or archive; null where the host has no such dialog. */
  chooseDataset: ((kind: 'folder' | 'file') => Promise<string | null>) | null;
  /** Asks for the file of a backup or of exported runs; null where the host has no such dialog. */
  chooseArchive: (() => Promise<string | null>) | null;
  /** A path on the lab's machine for files that were dropped on the page; null where that is not possible. */
  receiveFiles:
    | ((
        files: readonly File[],
        onProgress: (done: number, total: number) => void,
        signal: AbortSignal,
      ) => Promise<string>)
    | null;
}

/** Saves by the browser's own download. */
export function downloadFile(suggestedName: string, content: Blob): Promise<string> {
  const address = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = address;
  link.download = suggestedName;
  link.click();
  // The browser reads it after this turn.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  return Promise.resolve(suggestedName);
}

/** A plain page: files are downloaded, and nothing can be handed over. */
export const plainPage: Host = {
  kind: 'browser',
  saveFile: downloadFile,
  chooseDataset: null,
  chooseArchive: null,
  receiveFiles: null,
};
