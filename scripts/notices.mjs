// Writes THIRD-PARTY-NOTICES.md from the lock file: name, version and licence of everything that NormLab
// runs with. `--check` compares instead of writing, and fails where the file is out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = `${root}/THIRD-PARTY-NOTICES.md`;
const lock = JSON.parse(readFileSync(`${root}/package-lock.json`, 'utf8'));

const packages = Object.entries(lock.packages)
  .filter(([path, entry]) => path !== '' && !entry.dev && !entry.devOptional)
  .map(([path, entry]) => [path.replace(/^.*node_modules\//, ''), entry.version, entry.license ?? 'see its folder']);
const rows = [...new Set(packages.map((row) => `| ${row.join(' | ')} |`))].sort();
// These are not in the lock file: they are downloaded when an engine is installed.
const engines = [
  '| tensorflow-cpu | 2.21.0 | Apache-2.0 |',
  '| tensorflow (CUDA build) | 2.21.0 | Apache-2.0 |',
  "| nvidia-*-cu12 (CUDA libraries) | as TensorFlow 2.21.0 names them | NVIDIA's licence, accepted by installing them |",
];
const text = `# Third-party notices

NormLab itself is under the Apache License 2.0 (\`LICENSE\`). It runs with the packages below, each under its
own licence; the full texts are in the packages' folders under \`node_modules/\`. Made by
\`node scripts/notices.mjs\` from \`package-lock.json\`.

| package | version | licence |
| --- | --- | --- |
${rows.join('\n')}

An engine is downloaded when it is first needed, and is not part of NormLab:

| package | version | licence |
| --- | --- | --- |
${engines.join('\n')}
`;

if (process.argv.includes('--check')) {
  let current = '';
  try {
    current = readFileSync(target, 'utf8');
  } catch {
    // Absent is out of date.
  }
  if (current !== text) {
    console.error('THIRD-PARTY-NOTICES.md is out of date: run `node scripts/notices.mjs`.');
    process.exitCode = 1;
  }
} else {
  writeFileSync(target, text);
}
