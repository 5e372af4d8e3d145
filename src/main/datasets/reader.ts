import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatasetDocument, DatasetSplit } from '#shared/domain/dataset.ts';

export interface FolderListing {
  /** Absolute. */
  path: string;
  /** What is directly in it, by name. */
  entries: ReadonlyMap<string, { kind: 'file' | 'folder' | 'other'; bytes: number }>;
}

/** `problem` says that the folder is meant for this reader but cannot be read as it is. */
export type Recognition = { kind: 'readable' } | { kind: 'problem'; message: string; hint: string };

export interface ReadContext {
  /** Must be called once, before the first images. */
  begin(image: DatasetDocument['image'], classCount: number): Promise<void>;
  /** Adds images [labels.length, height, width, channels] to a split; all training images come first. */
  append(split: DatasetSplit, images: Uint8Array, labels: Uint8Array): Promise<void>;
  /** Reports images read. */
  progress(done: number, total: number): void;
}

export interface ReadSummary {
  classNames: string[];
  sources: DatasetDocument['provenance']['sources'];
  notes: string[];
}

/** Reads one form in which data sets come. Adding one is its file and a line in `readers.ts`. */
export interface DatasetReader {
  id: string;
  /** Name of a data set where none is given. */
  name: string;
  /** What it reads, for the message that nothing was recognised. */
  expects: string;
  /** Decides by names and sizes alone; null where the folder is not for this reader. */
  recognise(folder: FolderListing): Recognition | null;
  /** @throws LabError `invalidDataset` naming file, record and byte of what is wrong. */
  read(folder: FolderListing, context: ReadContext): Promise<ReadSummary>;
}

/** Folders that are looked at below the one that was given. */
const maximumFolders = 200;

/** Lists a folder and the folders in it, two levels deep, nearest first. */
export async function listFolders(root: string): Promise<FolderListing[]> {
  const listings: FolderListing[] = [];
  let level = [root];
  for (let depth = 0; depth <= 2 && level.length > 0; depth++) {
    const next: string[] = [];
    for (const path of level) {
      if (listings.length >= maximumFolders) return listings;
      // Only the folder that was given has to be readable.
      const listing = await listFolder(path).catch((error: unknown) => {
        if (path === root) throw error;
        return null;
      });
      if (listing === null) continue;
      listings.push(listing);
      for (const [name, entry] of listing.entries) if (entry.kind === 'folder') next.push(join(path, name));
    }
    level = next;
  }
  return listings;
}

async function listFolder(path: string): Promise<FolderListing> {
  const found = await readdir(path, { withFileTypes: true });
  found.sort((left, right) => (left.name < right.name ? -1 : 1));
  const entries = new Map<string, { kind: 'file' | 'folder' | 'other'; bytes: number }>();
  for (const entry of found) {
    if (entry.name.startsWith('.')) continue;
    entries.set(entry.name, await describeEntry(join(path, entry.name), entry));
  }
  return { path, entries };
}

async function describeEntry(
  path: string,
  entry: Dirent,
): Promise<{ kind: 'file' | 'folder' | 'other'; bytes: number }> {
  // Folders behind links are not followed: they may lead round in a circle.
  if (entry.isDirectory()) return { kind: 'folder', bytes: 0 };
  const status = await stat(path).catch(() => null);
  return status?.isFile() ? { kind: 'file', bytes: status.size } : { kind: 'other', bytes: 0 };
}
