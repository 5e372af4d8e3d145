// How interface and main answer while two runs train; prints JSON. `--seconds 60`, `--profile <folder>`.
import path from 'node:path';
import { ensureDependencies, exitStatus, projectDirectory, runNode, runScript } from './setup.mjs';

await runScript(async () => {
  await ensureDependencies();
  const file = path.join(projectDirectory, 'tests', 'e2e', 'measureResponse.ts');
  return exitStatus(await runNode([file, ...process.argv.slice(2)]));
});
