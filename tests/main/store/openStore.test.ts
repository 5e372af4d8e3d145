import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { LabErrorData } from '#shared/errors.ts';
import { networkFileSystem } from '#main/store/fileSystem.ts';
import { defaultLabDirectory } from '#main/store/labDirectory.ts';
import { migrations } from '#main/store/migrations/index.ts';
import { openLab, openStore } from '#main/store/openStore.ts';
import { toStoreError } from '#main/store/storeErrors.ts';
import { createExample, labErrorOf, points } from './examples.ts';
import { temporaryDirectory } from './temporaryDirectory.ts';

function pragma(file: string, name: string): unknown {
  const database = new Database(file, { readonly: true });
  try {
    return database.pragma(name, { simple: true });
  } finally {
    database.close();
  }
}

describe('the default lab folder', () => {
  it.each([
    ['linux', { NORMLAB_HOME: '/labs/one', XDG_DATA_HOME: '/data' }, '/labs/one'],
    ['linux', { NORMLAB_HOME: '', XDG_DATA_HOME: '/data' }, '/data/normlab'],
    ['linux', { XDG_DATA_HOME: 'relative' }, '/home/ada/.local/share/normlab'],
    ['linux', {}, '/home/ada/.local/share/normlab'],
    ['darwin', { XDG_DATA_HOME: '/data' }, '/home/ada/Library/Application Support/NormLab'],
    ['win32', { APPDATA: 'C:\\Users\\ada\\AppData\\Roaming' }, 'C:\\Users\\ada\\AppData\\Roaming\\NormLab'],
  ] as const)('on %s with %j is %s', (platform, environment, expected) => {
    expect(defaultLabDirectory(environment, platform, '/home/ada')).toBe(expected);
  });
});

describe('opening a lab', () => {
  it('makes the folder, and finds everything there again', () => {
    const directory = join(temporaryDirectory(), 'a', 'lab');
    const store = openStore(directory);
    const experimentId = createExample(store.experiments);
    const [run] = store.runs.list({ experimentId });
    if (!run) throw new Error('The example has runs.');
    store.metrics.append(run.id, { 'train/loss': points(1, 2000) });
    store.close();
    store.close();

    const again = openStore(directory);
    expect(again.runs.get(run.id)).toEqual(run);
    expect(again.metrics.read(run.id, 'train/loss')).toEqual(points(1, 2000));
    again.close();
    expect(readdirSync(directory)).toEqual(['lab.sqlite']);
  });

  it('lets one owner in at a time', () => {
    const directory = temporaryDirectory();
    const lab = openLab(directory, 'desktop');
    expect(lab.notices).toEqual([]);
    expect(labErrorOf(() => openLab(directory, 'cli')).code).toBe('labInUse');
    lab.close();
    openLab(directory, 'cli').close();
  });

  it('keeps what was flushed when its owner is killed', async () => {
    const directory = temporaryDirectory();
    const owner = fork(join(import.meta.dirname, 'fixtures', 'writeAndWait.ts'), [directory], { execArgv: [] });
    onTestFinished(() => void owner.kill('SIGKILL'));
    const [{ runId }] = (await once(owner, 'message')) as [{ runId: string }];
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    const lab = openLab(directory, 'cli');
    expect(lab.store.metrics.read(runId, 'train/loss')).toEqual(points(1, 3000));
    lab.store.metrics.append(runId, { 'train/loss': points(3001, 3010) });
    lab.close();
  });

  it('names damaged documents at once', () => {
    const directory = temporaryDirectory();
    const lab = openLab(directory, 'cli');
    createExample(lab.store.experiments);
    const [run] = lab.store.runs.list();
    lab.close();
    const database = new Database(join(directory, 'lab.sqlite'));
    database.exec(`UPDATE runs SET documentHash = 'x' WHERE ordinal = 0`);
    database.close();
    const again = openLab(directory, 'cli');
    expect(again.notices).toMatchObject([
      { code: 'labDamaged', message: expect.stringContaining(`run ${run?.id ?? ''} `) as string },
    ]);
    again.close();
  });

  it('lets the folder go when it cannot be opened', () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'lab.sqlite'));
    expect(labErrorOf(() => openLab(directory, 'cli')).code).toBe('labNotWritable');
    expect(labErrorOf(() => openLab(directory, 'cli')).code).toBe('labNotWritable');
  });
});

describe('the journal', () => {
  it('is a WAL on a local disk', () => {
    const directory = temporaryDirectory();
    openStore(directory, { networkFileSystem: () => null }).close();
    expect(pragma(join(directory, 'lab.sqlite'), 'journal_mode')).toBe('wal');
  });

  it('is rolled back on a network file system, with a notice, also where it was a WAL', () => {
    const directory = temporaryDirectory();
    openStore(directory, { networkFileSystem: () => null }).close();
    const notices: LabErrorData[] = [];
    const store = openStore(directory, {
      networkFileSystem: () => 'NFS',
      onNotice: (notice) => notices.push(notice),
    });
    createExample(store.experiments);
    expect(existsSync(join(directory, 'lab.sqlite-wal'))).toBe(false);
    store.close();
    expect(pragma(join(directory, 'lab.sqlite'), 'journal_mode')).toBe('delete');
    expect(notices).toMatchObject([
      { code: 'networkFileSystem', message: expect.stringContaining('network file system (NFS)') as string },
    ]);
  });

  it('is chosen by the type of the file system', () => {
    // Linux, include/uapi/linux/magic.h: NFS, CIFS (also as a negative number), FUSE, ext4, tmpfs.
    for (const [type, expected] of [
      [0x6969, 'NFS'],
      [0xff534d42, 'CIFS'],
      [0xff534d42 - 2 ** 32, 'CIFS'],
      [0x65735546, 'FUSE'],
      [0xef53, null],
      [0x01021994, null],
    ] as const) {
      expect(networkFileSystem('/lab', 'linux', () => type)).toBe(expected);
    }
    expect(networkFileSystem('\\\\server\\share', 'win32')).toBe('network share');
    expect(networkFileSystem('C:\\lab', 'win32')).toBeNull();
    const failing = (): number => {
      throw new Error('no statfs');
    };
    expect(networkFileSystem('/lab', 'linux', failing)).toBeNull();
  });
});

describe('a lab that cannot be opened', () => {
  it('is a file', () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, 'text');
    const error = labErrorOf(() => openLab(file, 'cli'));
    expect(error).toMatchObject({ code: 'labNotWritable', message: `The lab folder ${file} is a file.` });
    expect(error.hint).toContain('--lab');
    expect(labErrorOf(() => openStore(join(file, 'lab'))).code).toBe('labNotWritable');
    expect(readFileSync(file, 'utf8')).toBe('text');
  });

  it.runIf(process.platform !== 'win32')('is in a folder without permission to write', () => {
    const directory = temporaryDirectory();
    openStore(directory).close();
    chmodSync(join(directory, 'lab.sqlite'), 0o444);
    chmodSync(directory, 0o555);
    const owner = process.geteuid?.();
    // The system's administrator may write everywhere; “nobody” may not.
    if (owner === 0) process.seteuid?.(65_534);
    try {
      expect(labErrorOf(() => openStore(directory)).code).toBe('labNotWritable');
      expect(labErrorOf(() => openLab(directory, 'cli')).code).toBe('labNotWritable');
      expect(labErrorOf(() => openStore(join(directory, 'new'))).code).toBe('labNotWritable');
    } finally {
      if (owner === 0) process.seteuid?.(0);
      chmodSync(directory, 0o755);
    }
  });

  it('has a text file for a database, which stays as it is', () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'lab.sqlite');
    const text = 'not a database, but longer than its header would be. '.repeat(20);
    writeFileSync(file, text);
    const error = labErrorOf(() => openStore(directory));
    expect(error.code).toBe('labDamaged');
    expect(error.hint).toContain(`Copy ${file} `);
    expect(readFileSync(file, 'utf8')).toBe(text);
    expect(readdirSync(directory)).toEqual(['lab.sqlite']);
  });

  it('has another program’s database, which stays as it is', () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'lab.sqlite');
    const database = new Database(file);
    database.exec('CREATE TABLE recipes (name TEXT)');
    database.close();
    const before = readFileSync(file);
    expect(labErrorOf(() => openStore(directory)).code).toBe('labDamaged');
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('has a database that was cut short', () => {
    const directory = temporaryDirectory();
    const store = openStore(directory);
    createExample(store.experiments);
    store.close();
    truncateSync(join(directory, 'lab.sqlite'), 3 * 4096);
    expect(labErrorOf(() => openStore(directory)).code).toBe('labDamaged');
  });

  it('was written by a newer program: nothing is changed, and the way out is named', () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'lab.sqlite');
    openStore(directory, { appVersion: '0.1.0' }).close();
    const newest = migrations.at(-1)?.version ?? 0;
    const future = { version: newest + 10, migrate: (): void => undefined };
    openStore(directory, { appVersion: '9.9.0', migrations: [...migrations, future] }).close();
    const before = readFileSync(file);

    const error = labErrorOf(() => openStore(directory));
    expect(error.code).toBe('labFromNewerVersion');
    expect(error.message).toBe(
      `The lab folder ${directory} was written by a newer NormLab (9.9.0): its database has version ${newest + 10}, ` +
        `this program knows up to ${newest}.`,
    );
    const backup = `${file}.before-${newest + 10}.backup`;
    expect(error.hint).toContain('Update NormLab');
    expect(error.hint).toContain(backup);
    expect(readFileSync(file).equals(before)).toBe(true);
    expect(pragma(backup, 'user_version')).toBe(newest);
  });
});

it('translates what goes wrong below into what to do', () => {
  for (const [code, expected] of [
    ['ENOSPC', 'diskFull'],
    ['EDQUOT', 'diskFull'],
    ['SQLITE_FULL', 'diskFull'],
    ['EROFS', 'labNotWritable'],
    ['EACCES', 'labNotWritable'],
    ['SQLITE_READONLY_DIRECTORY', 'labNotWritable'],
    ['SQLITE_IOERR_WRITE', 'labNotWritable'],
    ['SQLITE_CORRUPT_INDEX', 'labDamaged'],
    ['SQLITE_BUSY', 'labInUse'],
  ]) {
    const cause = Object.assign(new Error('raw'), { code });
    expect(toStoreError(cause, '/lab')).toMatchObject({ code: expected, cause });
  }
  const other = new TypeError('a mistake of ours');
  expect(toStoreError(other, '/lab')).toBe(other);
  expect(toStoreError(null, '/lab')).toBeNull();
});
