import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JobRecord } from '#shared/contract.ts';
import { openTestLab, temporaryFolder, until } from './testLab.ts';

type TestLab = Awaited<ReturnType<typeof openTestLab>>;

async function ended(contract: TestLab, job: JobRecord): Promise<JobRecord | undefined> {
  let found: JobRecord | undefined;
  await until(contract, async () => {
    found = (await contract.client.invoke('jobs.list', {})).find(({ id }) => id === job.id);
    return found?.state !== 'running';
  });
  return found;
}

describe('checks of this machine', () => {
  it('run as a job, report each method, and are kept in the lab', async () => {
    const labDirectory = await temporaryFolder();
    const contract = await openTestLab({ labDirectory });
    const { client } = contract;
    expect(await client.invoke('engines.lastCheck', {})).toBe(null);
    const job = await client.invoke('engines.checkMethods', {});
    expect(job).toMatchObject({ kind: 'checkMethods', unit: 'checks', state: 'running' });
    expect(await ended(contract, job)).toMatchObject({ state: 'done', done: 1, total: 2, error: null });
    const check = await client.invoke('engines.lastCheck', {});
    expect(check).toMatchObject({ engine: 'Fake', ok: false, checks: [{ method: 'none' }, { method: 'batchNorm' }] });
    await contract.close();

    const again = await openTestLab({ labDirectory });
    expect(await again.client.invoke('engines.lastCheck', {})).toEqual(check);
  });

  it('refuse an engine that is not there', async () => {
    const { client } = await openTestLab();
    await expect(client.invoke('engines.checkMethods', { id: 'abacus' })).rejects.toMatchObject({ code: 'notFound' });
    await expect(client.invoke('engines.checkMethods', { id: 'tensorflow-cpu' })).rejects.toMatchObject({
      code: 'engineMissing',
    });
  });

  it('repeat reference runs, and take an error that is no number for beyond its tolerance', async () => {
    const contract = await openTestLab();
    const { client } = contract;
    const folder = await temporaryFolder();
    await expect(client.invoke('parity.check', { path: folder })).rejects.toMatchObject({
      code: 'notFound',
      message: expect.stringMatching(/no reference run in/) as string,
    });
    await expect(client.invoke('parity.check', { path: 'relative' })).rejects.toMatchObject({
      code: 'invalidArgument',
    });
    for (const name of ['one', 'two']) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, 'run.json'), '{}');
    }
    const job = await client.invoke('parity.check', { path: folder });
    expect(await ended(contract, job)).toMatchObject({ state: 'done', total: 2, error: null });
    expect(await client.invoke('parity.lastReport', {})).toMatchObject({
      path: folder,
      ok: false,
      records: ['one', 'two'].map((fixture) => ({
        fixture,
        ok: false,
        measures: [{ kind: 'lossAbs', error: null, tolerance: 1e-5 }],
      })),
    });
  });
});
