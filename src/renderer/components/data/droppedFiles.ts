import { LabError } from '#shared/errors.ts';

export interface DroppedFiles {
  files: File[];
  /** What was dropped, in words. */
  label: string;
}

/** More than any data set that can be imported has. */
const mostFiles = 200;

/**
 * The files of a drop. A page is given folders as entries to walk through; a window is given their paths.
 * Reads the transfer at once, because it is emptied after the event.
 * @throws LabError where nothing was dropped, or far too much.
 */
export async function collectDroppedFiles(transfer: DataTransfer, walkFolders: boolean): Promise<DroppedFiles> {
  const plain = [...transfer.files];
  const entries = walkFolders
    ? [...transfer.items]
        .flatMap((item) => (item.kind === 'file' ? [item.webkitGetAsEntry()] : []))
        .filter((entry) => entry !== null)
    : [];
  if (!entries.some((entry) => entry.isDirectory)) return describeFiles(plain);
  const files: File[] = [];
  for (const entry of entries) await walk(entry, files);
  const [first] = entries;
  const found = describeFiles(files);
  return entries.length === 1 && first ? { ...found, label: first.name } : found;
}

/** @throws LabError where there are none. */
export function describeFiles(files: readonly File[]): DroppedFiles {
  const [first] = files;
  if (!first) {
    throw new LabError(
      'invalidArgument',
      'There was no file in that.',
      'Drop a data set’s archive, its folder or its files.',
    );
  }
  return { files: [...files], label: files.length === 1 ? first.name : `${files.length} files` };
}

async function walk(entry: FileSystemEntry, files: File[]): Promise<void> {
  if (entry.name.startsWith('.')) return;
  if (files.length >= mostFiles) {
    throw new LabError(
      'invalidArgument',
      `The folder holds more than ${mostFiles} files, which no data set known here does.`,
      'Drop the folder that holds the data set’s files themselves, or its archive.',
    );
  }
  if (entry.isFile) {
    files.push(await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)));
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    // A reader hands out at most a hundred entries a time.
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) return;
    for (const child of batch) await walk(child, files);
  }
}
