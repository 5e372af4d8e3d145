import { expect, it } from 'vitest';
import { metricSql } from '#main/store/metricTables.ts';
import { runSql } from '#main/store/runStore.ts';
import { createStores } from './examples.ts';

/** SQLite's plan of a statement, one line a step. */
function planOf(sql: string): string[] {
  const { database } = createStores();
  const statement = database.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`);
  // A plan does not depend on the values.
  const named: Record<string, null> = {};
  for (const [, name] of sql.matchAll(/@(\w+)/g)) if (name !== undefined) named[name] = null;
  const values: unknown[] = Object.keys(named).length > 0 ? [named] : Array.from(sql.matchAll(/\?/g), () => null);
  return statement.all(...values).map(({ detail }) => detail);
}

it.each(Object.entries(metricSql))('%s finds rows of the metric tables by an index', (_name, sql) => {
  const plan = planOf(sql);
  expect(plan.filter((step) => /SCAN|TEMP B-TREE/.test(step))).toEqual([]);
  if (!sql.startsWith('INSERT')) expect(plan.join('\n')).toMatch(/SEARCH metric(Series|Chunks) USING/);
});

it('chunks are found by series, level and order', () => {
  expect(planOf(metricSql.listChunks)).toEqual([
    'SEARCH metricChunks USING INDEX sqlite_autoindex_metricChunks_1 (seriesKey=? AND level=?)',
  ]);
  expect(planOf(metricSql.findChunk)).toEqual([
    'SEARCH metricChunks USING INDEX sqlite_autoindex_metricChunks_1 (seriesKey=? AND level=? AND ordinal=?)',
  ]);
});

it.each(Object.entries(runSql).filter(([name]) => !['listAll', 'findByEnd'].includes(name)))(
  '%s finds runs by an index',
  (_name, sql) => {
    expect(planOf(sql).filter((step) => /SCAN (?!json_each)/.test(step))).toEqual([]);
  },
);
