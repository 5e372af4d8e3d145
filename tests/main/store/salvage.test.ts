import { copyFileSync, existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import { migrations } from '#main/store/migrations/index.ts';
import { openLab, openStore } from '#main/store/openStore.ts';
import { repairLab } from '#main/store/repairLab.ts';
import type { Store } from '#main/store/store.ts';
import { createExample, labErrorOf, points } from './examples.ts';
import { temporaryDirectory } from './temporaryDirectory.ts';

const loss = 'train/loss';

interface Lab {
  directory: string;
  file: string;
  experimentId: string;
  runs: [string, string];
}

/** A lab with two runs of 3000 points each. */
function makeLab(): Lab {
  const directory = temporaryDirectory();
  const store = openStore(directory);
  const experimentId = createExample(store.experiments);
  const [first = '', second = ''] = store.runs.list({ experimentId }).map(({ id }) => id);
  for (const id of [first, second]) store.metrics.append(id, { [loss]: points(1, 3000) });
  store.runs.addLog(first, { at: '2026-01-01T00:00:00.000Z', level: 'info', text: 'Begun.' });
  store.close();
  return { directory, file: join(directory, 'lab.sqlite'), experimentId, runs: [first, second] };
}

function change(file: string, sql: string): void {
  const database = new Database(file);
  database.exec(sql);
  database.close();
}

function use<Result>(directory: string, action: (store: Store) => Result): Result {
  const store = openStore(directory);
  try {
    return action(store);
  } finally {
    store.close();
  }
}

/** Files beside the database and the lab's lock. */
const leftovers = ({ directory }: Lab): string[] =>
  readdirSync(directory).filter((name) => !['lab.sqlite', 'owner.lock'].includes(name));

it('finds nothing in a lab that is whole, and changes nothing', () => {
  const lab = makeLab();
  const before = readFileSync(lab.file);
  expect(repairLab(lab.directory)).toEqual({ found: [], salvage: null });
  expect(readFileSync(lab.file).equals(before)).toBe(true);
  expect(leftovers(lab)).toEqual([]);
});

it('keeps holes as holes, restores levels, and says in the log what happened', () => {
  const lab = makeLab();
  const [first, second] = lab.runs;
  change(
    lab.file,
    `UPDATE metricChunks SET firstStep = firstStep + 1 WHERE level = 0 AND ordinal = 1
       AND seriesKey = (SELECT seriesKey FROM metricSeries WHERE runId = '${first}')`,
  );
  const verified = repairLab(lab.directory, { verifyOnly: true });
  expect(verified).toEqual({
    found: [`The points of series ${loss} of run ${first} at steps 1025 to 2048 are damaged.`],
    salvage: null,
  });
  const { salvage } = repairLab(lab.directory);
  expect(salvage).toMatchObject({ experiments: 1, runs: 2, problems: [expect.stringContaining(first) as string] });
  expect(existsSync(salvage?.keptFile ?? '')).toBe(true);
  use(lab.directory, (store) => {
    expect(store.damaged()).toEqual([]);
    expect(store.metrics.readReadable(first, loss).missing).toEqual([
      { firstStep: 1025, lastStep: 2048, pointCount: 1024 },
    ]);
    expect(store.metrics.read(second, loss)).toEqual(points(1, 3000));
    expect(store.runs.listLog(first)).toMatchObject([
      { text: 'Begun.' },
      { level: 'warning', text: expect.stringContaining(`the curve ${loss} has holes`) as string },
    ]);
  });
});

it('makes a run whose record is damaged one that can be resumed', () => {
  const lab = makeLab();
  const [first, second] = lab.runs;
  change(lab.file, `UPDATE runs SET state = 'done', summary = '{"steps":9}' WHERE id = '${first}'`);
  use(lab.directory, (store) => {
    expect(labErrorOf(() => store.runs.get(first)).message).toContain(`The record of run ${first}`);
    expect(labErrorOf(() => store.runs.transition(first, 'queued')).code).toBe('labDamaged');
    expect(store.runs.list().map(({ id }) => id)).toEqual([second]);
  });
  expect(repairLab(lab.directory).salvage?.problems).toEqual([
    `Run ${first}: its state, progress and results could not be read; resume it to complete them.`,
  ]);
  use(lab.directory, (store) => {
    expect(store.runs.get(first)).toMatchObject({ state: 'lost', summary: null, error: { code: 'labDamaged' } });
    expect(store.metrics.read(first, loss)).toEqual(points(1, 3000));
    expect(store.runs.transition(first, 'queued').state).toBe('queued');
  });
});

it('makes a damaged document again from its experiment, told by its hash', () => {
  const lab = makeLab();
  const [first] = lab.runs;
  const before = use(lab.directory, (store) => store.runs.list());
  change(lab.file, `UPDATE runs SET document = replace(document, '"seed":1', '"seed":7') WHERE id = '${first}'`);
  expect(repairLab(lab.directory).salvage?.problems).toEqual([
    `Run ${first}: its document was damaged and was made again from its experiment.`,
  ]);
  expect(use(lab.directory, (store) => store.runs.list())).toEqual(before);
});

it('keeps runs whose experiment is lost, and curves whose row is', () => {
  const lab = makeLab();
  const [first, second] = lab.runs;
  change(
    lab.file,
    `UPDATE experiments SET document = '{}'; UPDATE metricSeries SET pointCount = 5 WHERE runId = '${first}'`,
  );
  const problems = repairLab(lab.directory).salvage?.problems;
  expect(problems).toContain(`Run ${first}: the curve ${loss} may lack its end.`);
  use(lab.directory, (store) => {
    expect(store.experiments.list()).toMatchObject([
      { id: lab.experimentId, name: `Saved runs of ${lab.experimentId}` },
    ]);
    expect(store.runs.list({ experimentId: lab.experimentId }).map(({ id }) => id)).toEqual([first, second]);
    for (const id of [first, second]) expect(store.metrics.read(id, loss)).toEqual(points(1, 3000));
    expect(store.damaged()).toEqual([]);
  });
});

it('notices rows that are gone', () => {
  const lab = makeLab();
  const [first] = lab.runs;
  const messages = (): string[] => use(lab.directory, (store) => store.damaged().map(({ message }) => message));
  change(lab.file, `DELETE FROM metricSeries WHERE runId = '${first}'`);
  expect(messages()).toEqual([expect.stringContaining(`Run ${first} should have 1 curves and has 0`)]);
  use(lab.directory, ({ metrics }) => {
    expect(labErrorOf(() => metrics.read(first, loss)).code).toBe('labDamaged');
  });
  change(lab.file, `DELETE FROM runs WHERE id = '${first}'`);
  expect(messages()).toEqual([expect.stringContaining('should have 2 runs and has 1')]);
  change(lab.file, 'DELETE FROM experiments');
  expect(messages()).toEqual([expect.stringContaining('should have 1 experiments and has 0')]);
});

it('opens clean at the next start when pages are damaged after an unclean end, with nothing lost but what they held', () => {
  const lab = makeLab();
  const bytes = readFileSync(lab.file);
  // Every page in the middle of the file: chunks, and pages that lead to them.
  const start = 4096 * Math.floor(bytes.length / 8192);
  bytes.fill(0xa5, start, start + 4096);
  writeFileSync(lab.file, bytes);
  // What a killed owner leaves.
  writeFileSync(`${lab.file}-wal`, '');
  const opened = openLab(lab.directory, 'cli');
  expect(opened.notices[0]).toMatchObject({
    code: 'labDamaged',
    message: 'The lab’s database was damaged: 2 runs of 1 experiments were saved into a new one.',
    hint: expect.stringContaining('lab.sqlite.damaged-') as string,
  });
  opened.close();
  const [kept = ''] = leftovers(lab).filter((name) => name.includes('.damaged-') && !name.endsWith('-wal'));
  expect(readFileSync(join(lab.directory, kept)).equals(bytes)).toBe(true);
  const again = openLab(lab.directory, 'cli');
  expect(again.notices).toEqual([]);
  for (const id of lab.runs) {
    const { steps, values } = again.store.metrics.readReadable(id, loss);
    const expected = points(1, 3000);
    expect([...values]).toEqual(Array.from(steps, (step) => expected.values[step - 1]));
  }
  again.close();
});

it('finishes a repair that was cut short between its renames', () => {
  const lab = makeLab();
  const [first] = lab.runs;
  for (const oldIsThere of [true, false]) {
    copyFileSync(lab.file, `${lab.file}.salvaged`);
    if (oldIsThere) writeFileSync(lab.file, 'damaged');
    else renameSync(lab.file, `${lab.file}.damaged-before`);
    const opened = openLab(lab.directory, 'cli');
    expect(opened.store.metrics.read(first, loss)).toEqual(points(1, 3000));
    opened.close();
    expect(existsSync(`${lab.file}.salvaged`)).toBe(false);
  }
});

it('changes nothing where nothing of a lab can be read', () => {
  const lab = makeLab();
  const bytes = readFileSync(lab.file);
  bytes.fill(0xa5, 4096);
  writeFileSync(lab.file, bytes);
  expect(labErrorOf(() => openLab(lab.directory, 'cli'))).toMatchObject({
    code: 'labDamaged',
    message: expect.stringContaining('Nothing can be read') as string,
  });
  expect(readFileSync(lab.file).equals(bytes)).toBe(true);
  expect(leftovers(lab)).toEqual([]);
});

it('reads the lab of a newer program without changing it', () => {
  const lab = makeLab();
  const version = (migrations.at(-1)?.version ?? 0) + 10;
  const future = {
    version,
    migrate: (database: Database.Database): void => void database.exec('ALTER TABLE runs ADD COLUMN mood TEXT'),
  };
  openStore(lab.directory, { migrations: [...migrations, future], appVersion: '9.9.0' }).close();
  const before = readFileSync(lab.file);
  const store = openStore(lab.directory, { readOnly: true });
  expect(store.runs.list().map(({ id }) => id)).toEqual(lab.runs);
  expect(store.metrics.read(lab.runs[0], loss)).toEqual(points(1, 3000));
  expect(labErrorOf(() => store.runs.transition(lab.runs[0], 'stopped')).code).toBe('labNotWritable');
  store.close();
  expect(readFileSync(lab.file).equals(before)).toBe(true);
});
