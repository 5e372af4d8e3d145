import path from 'node:path';
import { isBuiltin } from 'node:module';

/**
 * Who may import whom. Inside its own folder everyone uses relative paths; from another folder, that
 * folder's `#name/…`. The trainer is a process of its own that main starts: neither imports the other.
 */
const allowedFolders = {
  shared: [],
  files: ['shared'],
  renderer: ['shared'],
  trainer: ['shared', 'files'],
  main: ['shared', 'files'],
};

/** Pure libraries: no Node, no DOM, nothing native. */
const sharedPackages = ['zod', '@noble/hashes'];
/** Imported by `shared` for their types alone, which are gone at run time. */
const sharedTypePackages = ['echarts'];

/**
 * The reason why a file may not import something, or null where it may.
 * @param {string} file Path of the importing file, relative to the project's folder.
 * @param {string} source What stands behind `from`.
 * @param {boolean} typeOnly True for `import type` and `export type`.
 */
export function findViolation(file, source, typeOnly = false) {
  const parts = file.split(path.sep);
  if (parts[0] === 'tests') return source === 'electron' ? 'only src/main/desktop may import electron' : null;
  const folder = parts[1];
  if (parts[0] !== 'src' || folder === undefined || allowedFolders[folder] === undefined) return null;

  if (source.startsWith('.')) {
    const target = path.posix.normalize(path.posix.join(path.posix.dirname(parts.join('/')), source));
    return target.startsWith(`src/${folder}/`) ? null : `relative imports stay inside src/${folder}; use #name/…`;
  }
  if (source.startsWith('#')) {
    const target = source.slice(1).split('/')[0];
    if (target === folder) return `inside src/${folder} use a relative path`;
    return allowedFolders[folder].includes(target) ? null : `src/${folder} may not import #${target}`;
  }
  if (path.isAbsolute(source) || source.startsWith('file:')) return 'imports are relative or by name';
  return findPackageViolation(parts, folder, source, typeOnly);
}

function findPackageViolation(parts, folder, source, typeOnly) {
  const isPackage = (name) => source === name || source.startsWith(`${name}/`);
  if (isPackage('electron')) {
    return folder === 'main' && parts[2] === 'desktop' ? null : 'only src/main/desktop may import electron';
  }
  if (isBuiltin(source)) {
    return ['shared', 'renderer'].includes(folder) ? `src/${folder} runs without Node` : null;
  }
  if (source.startsWith('@tensorflow/')) return folder === 'trainer' ? null : 'only src/trainer may import TensorFlow';
  if (folder === 'shared' && typeOnly && sharedTypePackages.some(isPackage)) return null;
  if (folder === 'shared' && !sharedPackages.some(isPackage)) {
    return `src/shared imports only ${sharedPackages.join(' and ')}`;
  }
  return null;
}

/** ESLint rule for every way to import: declarations, re-exports, `import()` and types. */
export const importLaw = {
  meta: { type: 'problem', schema: [], messages: { forbidden: '“{{source}}” breaks the import law: {{reason}}.' } },
  create(context) {
    const file = path.relative(context.cwd, context.filename);
    const check = (node, kind) => {
      if (node?.type !== 'Literal' || typeof node.value !== 'string') return;
      const reason = findViolation(file, node.value, kind === 'type');
      if (reason !== null) context.report({ node, messageId: 'forbidden', data: { source: node.value, reason } });
    };
    return {
      ImportDeclaration: (node) => check(node.source, node.importKind),
      ExportNamedDeclaration: (node) => check(node.source, node.exportKind),
      ExportAllDeclaration: (node) => check(node.source, node.exportKind),
      ImportExpression: (node) => check(node.source),
      TSImportType: (node) => check(node.source, 'type'),
      TSExternalModuleReference: (node) => check(node.expression),
    };
  },
};
