import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openLab } from '#main/store/openStore.ts';
import type { Store } from '#main/store/store.ts';
import { LabError, toLabErrorData, type LabErrorData } from '#shared/errors.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import { createExample, points } from './examples.ts';
import { temporaryDirectory } from './temporaryDirectory.ts';

const seriesNames = ['train/loss', 'validation/loss'];

const draftText = '{"name":"One"}';

/** A small lab in which every table has rows. */
function makeLab(directory: string): void {
  const { store, close } = openLab(directory, 'cli');
  for (let experiment = 0; experiment < 2; experiment += 1) {
    const experimentId = createExample(store.experiments);
    for (const { id } of store.runs.list({ experimentId })) {
      store.runs.transition(id, 'preparing', { startedAt: '2026-01-01T00:00:00.000Z' });
      store.runs.transition(id, 'running');
      for (const name of seriesNames) store.metrics.append(id, { [name]: points(1, 1100 + experiment) });
      store.runs.addCheckpoint({ runId: id, step: 1100, file: `/lab/${id}/1100`, bytes: 7 });
      for (let line = 0; line < 5; line += 1) {
        store.runs.addLog(id, { at: '2026-01-01T00:00:00.000Z', level: 'info', text: `Line ${line} of ${id}.` });
      }
      store.metrics.flush();
      store.runs.transition(id, 'done', { finishedAt: '2026-01-01T01:00:00.000Z' });
    }
  }
  store.memory.set('draft', JSON.parse(draftText));
  close();
}

interface Everything {
  /** What was read, by name, as text. */
  values: Map<string, string>;
  /** What could not be read, or was said to be damaged. */
  errors: LabErrorData[];
  /** Lines of logs and checkpoints: one that is damaged may be absent, because nothing is concluded from it. */
  lines: string[];
  /** Points of curves by run and series: step to value. */
  curves: Map<string, Map<number, number>>;
}

/** Reads all that a lab holds. Whatever is thrown but a LabError fails the test. */
function readEverything(store: Store, ids: { experiments: string[]; runs: string[] }): Everything {
  const result: Everything = { values: new Map(), errors: [], lines: [], curves: new Map() };
  const attempt = (name: string, read: () => unknown): void => {
    try {
      result.values.set(name, JSON.stringify(read()));
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      result.errors.push(toLabErrorData(error));
    }
  };
  attempt('experiments', () => store.experiments.list());
  attempt('runs', () => store.runs.list());
  expect([null, draftText]).toContain(JSON.stringify(store.memory.get('draft')));
  for (const id of ids.experiments) {
    attempt(`experiment ${id}`, () => store.experiments.get(id));
    attempt(`runs of ${id}`, () => store.runs.list({ experimentId: id }));
  }
  for (const id of ids.runs) {
    attempt(`run ${id}`, () => store.runs.get(id));
    attempt(`rest ${id}`, () => {
      result.lines.push(
        ...[...store.runs.listCheckpoints(id), ...store.runs.listLog(id)].map((row) => JSON.stringify(row)),
      );
    });
    attempt(`series ${id}`, () => store.metrics.list(id));
    for (const name of seriesNames) {
      const curve = `${id} ${name}`;
      attempt(`curve ${curve}`, () => {
        const { steps, values, missing } = store.metrics.readReadable(id, name);
        const read = new Map(Array.from(steps, (step, index) => [step, values[index] ?? Number.NaN]));
        result.curves.set(curve, read);
        for (const { firstStep, lastStep } of missing) {
          result.errors.push({ code: 'labDamaged', message: `${curve}: ${firstStep} to ${lastStep}`, hint: '' });
        }
        return [...steps, ...values];
      });
      attempt(`exact ${curve}`, () => {
        const { steps, values } = store.metrics.read(id, name);
        return [...steps, ...values];
      });
      attempt(`buckets ${curve}`, () => {
        const { missing, ...buckets } = store.metrics.readBuckets(id, name, 100);
        for (const hole of missing) throw new LabError('labDamaged', `Hole at ${hole.firstStep}.`, '');
        return Object.values(buckets).map((column) => (column instanceof Float64Array ? [...column] : column));
      });
    }
  }
  return result;
}

it('with bytes flipped at 200 random places a lab gives what was written, or says what it cannot', () => {
  const directory = temporaryDirectory();
  makeLab(directory);
  const file = join(directory, 'lab.sqlite');
  const original = readFileSync(file);
  const opened = openLab(directory, 'cli');
  const ids = {
    experiments: opened.store.experiments.list().map(({ id }) => id),
    runs: opened.store.runs.list().map(({ id }) => id),
  };
  const expected = readEverything(opened.store, ids);
  opened.close();
  expect(expected.errors).toEqual([]);

  const random = createRandomStream(20_190_506, 'flipped bytes');
  const tally = { same: 0, reported: 0, refused: 0, salvaged: 0 };
  for (let trial = 0; trial < 200; trial += 1) {
    const lab = join(directory, 'damaged', String(trial));
    mkdirSync(lab, { recursive: true });
    const bytes = Buffer.from(original);
    // Every tenth lab is hit in its first page, which says where everything is.
    const at = Math.floor(random.uniform() * (trial % 10 === 0 ? 4096 : bytes.length));
    const flip = 1 + Math.floor(random.uniform() * 255);
    bytes[at] = (bytes[at] ?? 0) ^ flip;
    writeFileSync(join(lab, 'lab.sqlite'), bytes);
    const where = `trial ${trial}: byte ${at} ^ ${flip}`;
    let found: Everything;
    let notices: readonly LabErrorData[];
    try {
      const damaged = openLab(lab, 'cli');
      ({ notices } = damaged);
      try {
        found = readEverything(damaged.store, ids);
      } finally {
        damaged.close();
      }
    } catch (error) {
      if (!(error instanceof LabError)) throw new Error(where, { cause: error });
      tally.refused += 1;
      // Nothing was changed.
      expect(readFileSync(join(lab, 'lab.sqlite')).equals(bytes), where).toBe(true);
      continue;
    }
    // No curve ever has a point that was not recorded.
    for (const [curve, read] of found.curves) {
      const recorded = expected.curves.get(curve);
      expect(
        [...read].filter(([step, value]) => recorded?.get(step) !== value),
        where,
      ).toEqual([]);
    }
    const written = new Set(expected.lines);
    const made = /is damaged and is not shown|was damaged and has been repaired/;
    expect(
      found.lines.filter((line) => !written.has(line) && !made.test(line)),
      where,
    ).toEqual([]);
    const differs = [...expected.values].filter(([name, value]) => found.values.get(name) !== value);
    const reported = found.errors.length > 0 || notices.length > 0;
    if (differs.length > 0) expect(reported, `${where}: ${differs.map(([name]) => name).join(', ')}`).toBe(true);
    if (differs.length === 0) tally.same += 1;
    else tally.reported += 1;
    if (notices.some(({ message }) => message.includes('were saved into a new one'))) {
      tally.salvaged += 1;
      // The next start opens clean.
      const again = openLab(lab, 'cli');
      expect(again.notices, where).toEqual([]);
      again.close();
    }
  }
  // The damage was of every kind.
  expect(tally).toMatchObject({ refused: 0 });
  expect(Math.min(tally.same, tally.reported, tally.salvaged)).toBeGreaterThan(5);
}, 60_000);
