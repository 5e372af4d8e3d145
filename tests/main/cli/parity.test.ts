import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runHere } from './commandLine.ts';

const fixtures = process.env['NORMLAB_PARITY'] ?? join(import.meta.dirname, '../../../../shared/parity');

describe('lab parity', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'normlab-parity-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('says where there is no reference run', async () => {
    const { status, stderr } = await runHere(['parity', folder]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/no reference run in/);
  });

  it('reports a reference run that it cannot read, and fails', async () => {
    await writeFile(join(folder, 'run.json'), '{}');
    const { status, stdout } = await runHere(['parity', folder, '--engine', 'javascript', '--json']);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject([
      { ok: false, problem: expect.stringMatching(/cannot be read/) as string },
    ]);
  });

  it.runIf(existsSync(fixtures))(
    'compares, and fails where something is beyond its tolerance (with fixtures)',
    async () => {
      const fixture = join(folder, 'foldBatchNorm');
      await cp(join(fixtures, 'foldBatchNorm'), fixture, { recursive: true });
      const right = await runHere(['parity', folder, '--engine', 'javascript']);
      expect(right.stdout).toMatch(/foldBatchNorm .* within\n[^]*All 1 within tolerance/);
      expect(right.status).toBe(0);

      const expected = JSON.parse(await readFile(join(fixture, 'expected.json'), 'utf8')) as { evalLoss: number };
      await rm(join(fixture, 'expected.json'), { force: true });
      await writeFile(
        join(fixture, 'expected.json'),
        JSON.stringify({ ...expected, evalLoss: expected.evalLoss + 0.01 }),
      );
      const wrong = await runHere(['parity', fixture, '--engine', 'javascript', '--json']);
      expect(JSON.parse(wrong.stdout)).toMatchObject([{ ok: false, exceeded: ['evalLossAbs'] }]);
      expect(wrong.status).toBe(1);
    },
  );
});
