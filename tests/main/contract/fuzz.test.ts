import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { contract, type MethodName } from '#shared/contract.ts';
import { labErrorCodes } from '#shared/errors.ts';
import { createRandomStream } from '#shared/random/randomStream.ts';
import { exampleHealth } from '../health/exampleHealth.ts';
import { addTinyDataset, openTestLab, temporaryFolder, tinyExperiment } from './testLab.ts';

const messages = 10_000;
const seed = 20_190_507;

/** Methods that start a process or a long job with every valid message, and how many valid ones they get at most. */
const validOfCostly: Readonly<Record<string, number>> = {
  'engines.checkMethods': 2,
  'engines.install': 2,
  'parity.check': 2,
  'datasets.ensureExample': 2,
  'datasets.inspect': 10,
  'datasets.import': 10,
  'runs.import': 20,
  'lab.diagnostics': 20,
};

type Schema = z.core.JSONSchema.BaseSchema;

/** Draws messages: of a method's own shape, with real ids now and then, and damaged in some place now and then. */
function createFuzzer(random: ReturnType<typeof createRandomStream>, pools: { ids: string[]; paths: string[] }) {
  const choose = <Item>(items: readonly Item[]): Item => items[random.integer(items.length)] as Item;
  const odd = (): unknown =>
    choose<() => unknown>([
      () => null,
      () => true,
      () => -1,
      () => 1e308,
      () => 0.5,
      () => '',
      () => '\u0000',
      () => '\ud800',
      () => '../../x',
      () => 'x'.repeat(random.integer(5000)),
      () => [],
      () => ({}),
      () => JSON.parse('{"__proto__":{"polluted":true}}') as unknown,
      () => ({ constructor: { prototype: null } }),
      () => JSON.parse(`${'['.repeat(100)}${']'.repeat(100)}`) as unknown,
      () => Array.from({ length: random.integer(50) }, () => 'x'),
    ])();
  const text = (key: string): string => {
    if (/path|file|directory|folder/i.test(key)) return choose(pools.paths);
    if (random.integer(4) > 0) return choose(pools.ids);
    return choose([
      'x',
      'tiny',
      'train/loss',
      '0',
      ' ',
      'é',
      '%00',
      "'; DROP TABLE runs; --",
      '__proto__',
      'constructor',
    ]);
  };
  const draw = (schema: Schema, key: string): unknown => {
    if (schema.const !== undefined) return schema.const;
    if (schema.enum) return choose(schema.enum);
    const options = schema.anyOf ?? schema.oneOf;
    if (options) return draw(choose(options as readonly Schema[]), key);
    switch (schema.type) {
      case 'object':
        return Object.fromEntries(
          Object.entries(schema.properties ?? {})
            .filter(([name]) => (schema.required ?? []).includes(name) || random.integer(2) === 0)
            .map(([name, member]) => [name, draw(member as Schema, name)]),
        );
      case 'array':
        return Array.from({ length: (schema.minItems ?? 0) + random.integer(3) }, () =>
          draw((schema.items ?? {}) as Schema, key),
        );
      case 'integer':
      case 'number':
        return choose([0, 1, 2, 7, schema.minimum ?? -3, 200, 0.5]);
      case 'boolean':
        return random.integer(2) === 0;
      case 'string':
        return text(key);
      default:
        return key === 'document' && random.integer(3) > 0 ? damage(tinyExperiment, 3) : odd();
    }
  };
  /** A copy with one thing changed somewhere, one time in `chance`. */
  const damage = (value: unknown, chance: number): unknown => {
    if (random.integer(chance) > 0) return value;
    const copy = structuredClone(value);
    let place = copy;
    for (;;) {
      if (typeof place !== 'object' || place === null) return odd();
      const keys = Object.keys(place);
      if (keys.length === 0 || random.integer(6) === 0) {
        Reflect.set(place, choose(['extra', 'id', '0']), odd());
        return copy;
      }
      const key = choose(keys);
      const member: unknown = Reflect.get(place, key);
      if (typeof member !== 'object' || member === null || random.integer(3) === 0) {
        Reflect.set(place, key, odd());
        return copy;
      }
      place = member;
    }
  };
  return { choose, draw, damage };
}

/** Where a value is no plain JSON; null where it is. */
function findNoJson(value: unknown, path = 'result'): string | null {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return null;
  if (typeof value === 'number') return Number.isFinite(value) ? null : `${path} is ${value}`;
  if (typeof value !== 'object') return `${path} is ${typeof value}`;
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  if (!isPlain) return `${path} is no plain object`;
  for (const [key, member] of Object.entries(value)) {
    const problem = findNoJson(member, `${path}.${key}`);
    if (problem !== null) return problem;
  }
  return null;
}

it('answers every one of 10,000 messages with a valid result or an error that says what to do', async () => {
  const labDirectory = join(await temporaryFolder(), 'lab');
  await mkdir(labDirectory);
  const lab = await openTestLab({
    labDirectory,
    behaviour: 'endless',
    healthProbe: () => Promise.resolve(exampleHealth),
  });
  const outside = dirname(labDirectory);
  await writeFile(join(outside, 'note.txt'), 'no archive');
  const before = (await readdir(outside)).toSorted();
  const random = createRandomStream(seed, 'contract');
  const pools = {
    ids: ['tiny', 'absent'],
    paths: [
      join(outside, 'note.txt'),
      join(outside, 'absent'),
      join(labDirectory, 'absent', '..', 'none'),
      '\0',
      'x'.repeat(5000),
    ],
  };
  const { choose, draw, damage } = createFuzzer(random, pools);
  const names = Object.keys(contract) as MethodName[];
  const schemas = new Map(
    names.map((name) => [name, z.toJSONSchema(contract[name].input, { io: 'input', unrepresentable: 'any' })]),
  );
  const validCount = new Map<string, number>();
  const counts = { results: 0, errors: 0 };
  const problems: string[] = [];
  for (let index = 0; index < messages; index += 1) {
    const name = names[index % names.length] ?? choose(names);
    let input = damage(draw(schemas.get(name) as Schema, ''), 3);
    const validAtMost = validOfCostly[name];
    if (validAtMost !== undefined && contract[name].input.safeParse(input).success) {
      const count = (validCount.get(name) ?? 0) + 1;
      validCount.set(name, count);
      if (count > validAtMost) input = { ...(input as object), extra: 1 };
    }
    const answer = await lab.dispatcher.dispatch(name, input);
    const asSent = JSON.stringify(input)?.slice(0, 300) ?? 'undefined';
    if (answer.ok) {
      counts.results += 1;
      const problem = findNoJson(answer.value);
      if (problem !== null) problems.push(`${name} ${asSent}: ${problem}`);
      if (!contract[name].input.safeParse(input).success) problems.push(`${name} ${asSent}: took a wrong input`);
    } else {
      counts.errors += 1;
      const { code, message, hint } = answer.error;
      const isTyped = labErrorCodes.includes(code) && code !== 'internal';
      if (!isTyped || message === '' || hint === '') problems.push(`${name} ${asSent}: ${code} ${message}`);
    }
    if (name === 'experiments.list' && index % 7 === 0) {
      const runs = lab.lab.runs.list();
      pools.ids = ['tiny', 'absent', ...runs.slice(-6).flatMap(({ id, experimentId }) => [id, experimentId])];
    }
    if (name === 'datasets.remove' && answer.ok) await addTinyDataset(labDirectory);
  }
  console.log(`Contract, seed ${seed}: ${counts.results} results, ${counts.errors} errors.`);
  expect([...new Set(problems)].slice(0, 20)).toEqual([]);
  expect(counts.results).toBeGreaterThan(messages / 20);
  expect(counts.errors).toBeGreaterThan(messages / 20);
  expect({}).not.toHaveProperty('polluted');
  for (const job of await lab.client.invoke('jobs.list', {})) {
    if (job.state === 'running') await lab.client.invoke('jobs.cancel', { id: job.id });
  }
  // A backup goes where a message says, and nothing goes anywhere else.
  await expect
    .poll(async () => (await readdir(outside)).filter((entry) => entry !== 'absent').toSorted(), { timeout: 20_000 })
    .toEqual(before);
}, 120_000);
