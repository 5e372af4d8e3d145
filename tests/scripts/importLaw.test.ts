import { ESLint } from 'eslint';
import { describe, expect, it } from 'vitest';
import tseslint from 'typescript-eslint';

/** The project's own configuration; rules that need types are off, because the linted files do not exist. */
const eslint = new ESLint({ overrideConfig: [tseslint.configs.disableTypeChecked] });

async function findBrokenImports(filePath: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath });
  return (result?.messages ?? [])
    .filter(({ ruleId, fatal }) => fatal === true || ruleId === 'normlab/import-law')
    .map(({ message }) => message);
}

describe('the import law', () => {
  it.each([
    ['src/shared/virtual.ts', '#files/npz.ts'],
    ['src/shared/virtual.ts', '#shared/errors.ts'],
    ['src/shared/virtual.ts', 'node:fs'],
    ['src/shared/virtual.ts', 'path'],
    ['src/shared/virtual.ts', '@tensorflow/tfjs-core'],
    ['src/shared/virtual.ts', 'better-sqlite3'],
    ['src/shared/domain/virtual.ts', '../../main/lab.ts'],
    ['src/files/virtual.ts', '#main/lab.ts'],
    ['src/files/virtual.ts', '@tensorflow/tfjs-core'],
    ['src/files/virtual.ts', '../trainer/train.ts'],
    ['src/trainer/virtual.ts', '#main/store/store.ts'],
    ['src/trainer/virtual.ts', 'electron'],
    ['src/trainer/methods/virtual.ts', '../../shared/errors.ts'],
    ['src/main/virtual.ts', '#trainer/train.ts'],
    ['src/main/virtual.ts', '#main/lab.ts'],
    ['src/main/virtual.ts', '@tensorflow/tfjs-core'],
    ['src/main/store/virtual.ts', 'electron'],
    ['src/main/web/virtual.ts', 'electron/main'],
    ['src/renderer/virtual.ts', '#main/lab.ts'],
    ['src/renderer/virtual.ts', 'node:path'],
    ['src/renderer/virtual.ts', '@tensorflow/tfjs-core'],
    ['tests/virtual.ts', 'electron'],
  ])('forbids %s to import %s', async (filePath, source) => {
    const messages = await findBrokenImports(filePath, `import '${source}';\n`);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toContain(`“${source}” breaks the import law`);
  });

  it.each([
    ['src/shared/virtual.ts', './errors.ts'],
    ['src/shared/domain/virtual.ts', '../errors.ts'],
    ['src/shared/virtual.ts', 'zod'],
    ['src/shared/virtual.ts', '@noble/hashes/sha2.js'],
    ['src/files/virtual.ts', '#shared/errors.ts'],
    ['src/trainer/virtual.ts', '@tensorflow/tfjs-core'],
    ['src/trainer/virtual.ts', '#files/safetensors.ts'],
    ['src/main/store/virtual.ts', '../engines/engineService.ts'],
    ['src/main/store/virtual.ts', 'better-sqlite3'],
    ['src/main/desktop/virtual.ts', 'electron'],
    ['tests/virtual.ts', '#trainer/train.ts'],
  ])('lets %s import %s', async (filePath, source) => {
    expect(await findBrokenImports(filePath, `import '${source}';\n`)).toEqual([]);
  });

  it.each([
    "export * from 'node:fs';",
    "export { a } from '#main/a.ts';",
    "export const later = import('node:fs');",
    "export type Store = import('#main/store/store.ts').Store;",
    "import type { App } from 'electron';",
  ])('sees every way to import: %s', async (code) => {
    expect(await findBrokenImports('src/shared/virtual.ts', code)).toHaveLength(1);
  });

  it('lets shared have the types of a charting library, but not the library', async () => {
    expect(await findBrokenImports('src/shared/virtual.ts', "import type { A } from 'echarts';")).toEqual([]);
    expect(await findBrokenImports('src/shared/virtual.ts', "import { A } from 'echarts';")).toHaveLength(1);
  });
});
