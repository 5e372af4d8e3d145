// npm run check: types, lint and format; every one of them, so that one run shows all there is to repair.
import path from 'node:path';
import { ensureDependencies, exitStatus, projectDirectory, runNode, runScript } from './setup.mjs';

// What did not change is not looked at again. Lint by types may miss what a change elsewhere means for an
// unchanged file, so a clean run, as CI does it, keeps nothing.
const cache = (name) =>
  process.env['CI'] ? [] : ['--cache', '--cache-strategy', 'content', '--cache-location', `out/check/${name}`];

const tools = [
  { title: 'Types', script: 'typescript/bin/tsc', args: ['-b'] },
  { title: 'Types of the interface', script: 'vue-tsc/bin/vue-tsc.js', args: ['-p', 'src/renderer'] },
  { title: 'Types of its tests', script: 'vue-tsc/bin/vue-tsc.js', args: ['-p', 'tests/renderer'] },
  { title: 'Lint', script: 'eslint/bin/eslint.js', args: ['.', '--max-warnings=0', ...cache('eslint')] },
  { title: 'Notices', script: '../scripts/notices.mjs', args: ['--check'] },
  {
    title: 'Format',
    script: 'prettier/bin/prettier.cjs',
    args: ['--check', '.', '--log-level=warn', ...cache('prettier')],
  },
];

await runScript(async () => {
  await ensureDependencies();
  let failed = 0;
  for (const { title, script, args } of tools) {
    const file = path.join(projectDirectory, 'node_modules', script);
    const status = exitStatus(await runNode([file, ...args], { cwd: projectDirectory }));
    process.stdout.write(`${title}: ${status === 0 ? 'in order' : 'not in order'}\n`);
    if (status !== 0) failed += 1;
  }
  return failed === 0 ? 0 : 1;
});
