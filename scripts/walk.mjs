// npm run walk: a newcomer's walk through the real application; its pictures go into docs/walk.
import path from 'node:path';
import { ensureDependencies, exitStatus, projectDirectory, runNode, runScript } from './setup.mjs';

await runScript(async () => {
  await ensureDependencies();
  await runNode([path.join(projectDirectory, 'scripts', 'ensureEngine.mjs')], { stdout: 'stderr' });
  return exitStatus(await runNode([path.join(projectDirectory, 'tests', 'e2e', 'walk.ts'), ...process.argv.slice(2)]));
});
