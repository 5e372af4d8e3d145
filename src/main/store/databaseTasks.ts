import { basename } from 'node:path';
import Database from 'better-sqlite3';
import type { LabErrorData } from '#shared/errors.ts';
import { copyDatabaseFile } from './copyDatabase.ts';
import { copyRunsOut, openStore } from './openStore.ts';
import { repairDatabase } from './repairLab.ts';

/** What is in a copy of a lab's database. */
export interface CopyDescription {
  runs: number;
  /** SHA-256 of the weights that its runs begin with. */
  weights: string[];
  /** Files of checkpoints that it names, without their folder. */
  checkpoints: { runId: string; name: string }[];
  /** What is damaged in it. */
  damaged: LabErrorData[];
}

/** Work that reads much of a database in one go: for a thread of its own (`databaseThread.ts`). */
export const databaseTasks = {
  /** SQLite's `quick_check`: `ok`, or up to 20 problems. */
  checkPages: ({ file }: { file: string }): string[] => {
    const database = new Database(file, { readonly: true, fileMustExist: true, timeout: 1000 });
    try {
      const rows = database.pragma('quick_check(20)') as { quick_check: string }[];
      return rows.map(({ quick_check }) => quick_check);
    } finally {
      database.close();
    }
  },

  /** The database of one moment, whatever its owner writes meanwhile. */
  copyDatabase: async (
    { from, to }: { from: string; to: string },
    onProgress?: (done: number, total: number) => void,
  ): Promise<null> => {
    await copyDatabaseFile(from, to, onProgress === undefined ? {} : { onProgress });
    return null;
  },

  /** As `Store.damaged`, by a connection of its own. */
  listDamage: ({ directory }: { directory: string }): LabErrorData[] => {
    const damaged: LabErrorData[] = [];
    openStore(directory, { readOnly: true, onNotice: (notice) => damaged.push(notice) }).close();
    return damaged;
  },

  describeCopy: ({ directory }: { directory: string }): CopyDescription => {
    const damaged: LabErrorData[] = [];
    const store = openStore(directory, { readOnly: true, onNotice: (notice) => damaged.push(notice) });
    try {
      const runs = store.runs.list();
      const checkpoints = runs.flatMap(({ id }) =>
        store.runs.listCheckpoints(id).map((record) => ({ runId: id, name: basename(record.file) })),
      );
      const weights = new Set(runs.flatMap(({ document }) => document.initialWeights.sha256 ?? []));
      return { runs: runs.length, weights: [...weights], checkpoints, damaged };
    } finally {
      store.close();
    }
  },

  /** Brings the database of a restored lab up to date. @returns how many runs are in it. */
  prepareRestored: ({ directory }: { directory: string }): number => {
    const store = openStore(directory);
    try {
      return store.runs.list().length;
    } finally {
      store.close();
    }
  },

  copyRuns: ({ from, to, runIds }: { from: string; to: string; runIds: readonly string[] }): null => {
    copyRunsOut(from, to, runIds);
    return null;
  },

  /** For who owns the lab, and has no connection open. */
  repair: ({ labDirectory }: { labDirectory: string }) => repairDatabase(labDirectory),
};

export type DatabaseTasks = typeof databaseTasks;
