// npm test: sets up, gets an engine where that is possible, runs the tests, and counts them in the last line.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ensureDependencies, exitStatus, projectDirectory, runNode, runScript } from './setup.mjs';

await runScript(async () => {
  await ensureDependencies();
  // Without an engine its tests say so and are left out; that is no failure of set-up.
  await runNode([path.join(projectDirectory, 'scripts', 'ensureEngine.mjs')], { stdout: 'stderr' });

  const resultFile = path.join(projectDirectory, 'out', `test-results-${process.pid}.json`);
  mkdirSync(path.dirname(resultFile), { recursive: true });
  const vitest = path.join(projectDirectory, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${resultFile}`];
  const args = [vitest, 'run', ...reporters, ...process.argv.slice(2)];
  const status = exitStatus(await runNode(args, { cwd: projectDirectory }));
  process.stdout.write(`${countTests(resultFile, status)}\n`);
  rmSync(resultFile, { force: true });
  return status;
});

function countTests(resultFile, status) {
  let results;
  try {
    results = JSON.parse(readFileSync(resultFile, 'utf8'));
  } catch {
    return '0 passed, 1 failed';
  }
  const skipped = results.numPendingTests + results.numTodoTests;
  // A file that does not load, or an error outside of any test, fails without a failed test.
  const unloaded = results.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  const failed = Math.max(results.numFailedTests + unloaded.length, status === 0 ? 0 : 1);
  return `${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
