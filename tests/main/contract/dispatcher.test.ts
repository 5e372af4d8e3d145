import { describe, expect, it, vi } from 'vitest';
import { createDispatcher } from '#main/contract/dispatcher.ts';
import type { Handlers } from '#shared/contract.ts';
import { LabError } from '#shared/errors.ts';

/** Handlers that say what they got. */
function echo(overrides: Partial<Handlers> = {}): Handlers {
  const answers = new Proxy(overrides, {
    get: (target, name): unknown =>
      (Reflect.get(target, name) as unknown) ?? ((input: unknown) => Promise.resolve({ name, input })),
  });
  return answers as Handlers;
}

describe('dispatcher', () => {
  it('hands validated input with its defaults to the handler', async () => {
    const dispatcher = createDispatcher(echo());
    expect(await dispatcher.dispatch('datasets.preview', { id: 'example' })).toEqual({
      ok: true,
      value: {
        name: 'datasets.preview',
        input: { id: 'example', split: 'training', count: 60, seed: 0 },
      },
    });
  });

  it.each(['', 'nothing', 'constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    'knows no method “%s”',
    async (name) => {
      expect(await createDispatcher(echo()).dispatch(name, {})).toMatchObject({
        ok: false,
        error: { code: 'invalidArgument' },
      });
    },
  );

  it.each([
    ['experiments.get', {}, 'id'],
    ['experiments.get', { id: 'x', extra: 1 }, 'extra'],
    ['datasets.preview', { id: 'x', count: 1e9 }, 'count'],
    ['metrics.read', { requests: [{ runId: 'x' }] }, 'requests.0.series'],
    ['experiments.get', null, 'document'],
    ['experiments.get', [], 'document'],
  ])('names what is wrong with the input of %s: %j', async (name, input, field) => {
    const handler = vi.fn();
    const dispatcher = createDispatcher(echo({ [name]: handler }));
    const result = await dispatcher.dispatch(name, input);
    expect(result).toMatchObject({ ok: false, error: { code: 'invalidArgument' } });
    expect(result.ok ? '' : result.error.message).toContain(field);
    expect(handler).not.toHaveBeenCalled();
  });

  it('refuses keys that stand for a prototype, wherever they are', async () => {
    const handler = vi.fn();
    const dispatcher = createDispatcher(echo({ 'memory.set': handler }));
    const harmful = JSON.parse('{"key":"x","value":[{"deep":{"__proto__":{"polluted":true}}}]}') as unknown;
    expect(await dispatcher.dispatch('memory.set', harmful)).toMatchObject({
      ok: false,
      error: { code: 'invalidArgument', message: 'memory.set.value.0.deep has a field named __proto__.' },
    });
    expect(handler).not.toHaveBeenCalled();
    expect({}).not.toHaveProperty('polluted');
  });

  it('refuses input that is nested absurdly deep', async () => {
    const deep = JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`) as unknown;
    expect(await createDispatcher(echo()).dispatch('memory.set', { key: 'x', value: deep })).toMatchObject({
      ok: false,
      error: { code: 'invalidArgument' },
    });
  });

  it('passes expected errors on and reports the others', async () => {
    const onUnexpected = vi.fn();
    const expected = new LabError('invalidState', 'It is over.', 'Start another.');
    const unexpected = new TypeError('x is not a function');
    const dispatcher = createDispatcher(
      echo({
        'runs.stop': () => Promise.reject(expected),
        'runs.resume': () => {
          throw unexpected;
        },
      }),
      onUnexpected,
    );
    expect(await dispatcher.dispatch('runs.stop', { ids: ['a'] })).toEqual({
      ok: false,
      error: { code: 'invalidState', message: 'It is over.', hint: 'Start another.' },
    });
    expect(await dispatcher.dispatch('runs.resume', { ids: ['a'] })).toMatchObject({
      ok: false,
      error: { code: 'internal', message: 'Something unexpected went wrong: x is not a function' },
    });
    expect(onUnexpected.mock.calls).toEqual([['runs.resume', unexpected]]);
  });
});
