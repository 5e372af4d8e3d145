import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mountSmallDisk } from '../../lab/smallDisk.ts';
import { openTestLab, openUnguardedTestLab, tinyExperiment } from './testLab.ts';

it('lets experiments be deleted on a full disk, and the lab be opened there', async ({ skip }) => {
  const disk = mountSmallDisk(80);
  if (disk === null) return skip('mounting a small disk is not permitted here');
  const ballast = join(disk, 'ballast');
  const fill = (): void => {
    for (let bytes = 2 ** 20; bytes >= 1;) {
      try {
        appendFileSync(ballast, Buffer.alloc(bytes));
      } catch {
        bytes = Math.floor(bytes / 2);
      }
    }
  };
  const labDirectory = join(disk, 'lab');
  const contract = await openUnguardedTestLab({ labDirectory });
  await contract.client.invoke('queue.set', { paused: true });
  const create = async (name: string): Promise<string> =>
    (await contract.client.invoke('experiments.create', { document: { ...tinyExperiment, name } })).id;
  const [kept, deleted] = [await create('Kept'), await create('Deleted')];
  fill();
  await contract.client.invoke('experiments.delete', { ids: [deleted] });
  await contract.close();

  fill();
  // Nothing is left of the reserve now; a lab that was opened with room has one again.
  rmSync(ballast);
  await (await openUnguardedTestLab({ labDirectory })).close();
  fill();
  const { client } = await openTestLab({ labDirectory });
  expect((await client.invoke('experiments.list', {})).map(({ id }) => id)).toEqual([kept]);
});
