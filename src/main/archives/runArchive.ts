import { randomBytes } from 'node:crypto';
import { existsSync, renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { requireAbsent } from '#files/atomicWrite.ts';
import { describeWriteError } from '#files/fileErrors.ts';
import { makeDirectory } from '#files/makeDirectory.ts';
import { LabError } from '#shared/errors.ts';
import { checkpointDirectory, runDirectory } from '../runs/checkpointFiles.ts';
import { weightsFile } from '../runs/weightsFiles.ts';
import { runDatabaseTask } from '../store/databaseThread.ts';
import { databasePath, openStore } from '../store/openStore.ts';
import type { Store } from '../store/store.ts';
import type { TransferredRun } from '../store/transferRuns.ts';
import { unpackArchiveFile, writeArchive, type ArchiveEntry, type ArchiveWatch } from './archiveFile.ts';
import { makeWorkDirectory } from './labBackup.ts';

/**
 * Writes runs into one archive: a database that holds them and their experiments only, their
 * checkpoints, and the weights that they begin with. The lab may be in use meanwhile.
 * @param options.databaseDirectory Where the lab's database is read, if that is a copy.
 * @throws LabError `invalidArgument` where there is a file of this name, `diskFull`, `labNotWritable`, `labDamaged`; the signal's reason.
 */
export async function exportRunArchive(
  labDirectory: string,
  runIds: readonly string[],
  file: string,
  options: { databaseDirectory?: string } & ArchiveWatch = {},
): Promise<{ file: string; runs: string[]; bytes: number }> {
  await requireAbsent(file);
  const work = await makeWorkDirectory(dirname(file));
  try {
    const { databaseDirectory: from = labDirectory, ...watch } = options;
    await runDatabaseTask('copyRuns', { from, to: work, runIds }, databasePath(from), watch.signal);
    const { weights, checkpoints } = await runDatabaseTask('describeCopy', { directory: work }, file, watch.signal);
    const entries: ArchiveEntry[] = [{ name: basename(databasePath(work)), file: databasePath(work) }];
    for (const sha256 of weights) {
      const file = weightsFile(labDirectory, sha256);
      entries.push({ name: `weights/${basename(file)}`, file, optional: true });
    }
    for (const { runId, name } of checkpoints) {
      const source = join(checkpointDirectory(labDirectory, runId), name);
      entries.push({ name: `runs/${runId}/checkpoints/${name}`, file: source, optional: true });
    }
    const { files } = await writeArchive(file, 'runs', entries, watch);
    return { file, runs: [...runIds], bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * Adds the runs of an archive to a lab, all or none.
 * @param store The store of the lab, which this process owns.
 * @throws LabError `invalidArchive`, `notFound`, `diskFull`, `labFromNewerVersion`; the signal's reason.
 */
export async function importRunArchive(
  store: Store,
  labDirectory: string,
  file: string,
  watch: ArchiveWatch = {},
): Promise<TransferredRun[]> {
  const work = await makeWorkDirectory(labDirectory);
  const placed: string[] = [];
  try {
    const unpacked = join(work, 'archive');
    const { files } = await unpackArchiveFile(file, 'runs', unpacked, watch);
    if (!existsSync(databasePath(unpacked))) {
      throw new LabError('invalidArchive', `“${basename(file)}” holds no runs.`, 'Export them again.');
    }
    // Brings the archive of an older program up to date.
    openStore(unpacked).close();
    return store.importRuns(unpacked, (runs) => {
      // By the name of their bytes: the same file is the same weights, and no run minds one more.
      for (const { name, checksum } of files) {
        const target = weightsFile(labDirectory, checksum);
        if (name !== `weights/${basename(target)}` || existsSync(target)) continue;
        makeDirectory(dirname(target));
        renameSync(join(unpacked, name), target);
      }
      for (const { from, id, outcome } of runs) {
        const source = runDirectory(unpacked, from);
        if (outcome === 'there' || !existsSync(source)) continue;
        const target = runDirectory(labDirectory, id);
        // Of a run that was deleted, or of an import that was cut short: no record names it.
        if (existsSync(target)) renameSync(target, join(work, `old-${randomBytes(6).toString('hex')}`));
        makeDirectory(dirname(target));
        renameSync(source, target);
        placed.push(target);
      }
    });
  } catch (error) {
    for (const directory of placed) await rm(directory, { recursive: true, force: true });
    throw describeWriteError(error, labDirectory);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
