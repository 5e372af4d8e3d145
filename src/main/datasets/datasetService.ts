import type { DatasetDocument } from '#shared/domain/dataset.ts';

export interface ImportProgress {
  phase: string;
  /** Of `total`, both in bytes or images as the phase says. */
  done: number;
  total: number;
}

export interface DatasetVerification {
  id: string;
  ok: boolean;
  /** One sentence for each file that is missing, cut short or changed. */
  problems: string[];
}

/** Data sets of one lab: `datasets/<id>/` folders, each whole or absent. */
export interface DatasetService {
  list(): Promise<DatasetDocument[]>;
  /** @throws LabError `notFound` naming the data sets there are and how to import one. */
  get(idOrName: string): Promise<DatasetDocument>;
  /** Absolute folder of a data set. */
  directory(id: string): string;
  /** Imports a folder or archive; nothing stays behind where it fails or is cancelled. */
  import(
    path: string,
    options: { name?: string; onProgress?: (progress: ImportProgress) => void; signal?: AbortSignal },
  ): Promise<DatasetDocument>;
  /** The generated example data set, made if it is not there. */
  ensureExample(onProgress?: (progress: ImportProgress) => void): Promise<DatasetDocument>;
  verify(id: string): Promise<DatasetVerification>;
  remove(id: string): Promise<void>;
}
