import { fileURLToPath } from 'node:url';
import { defineConfig } from 'electron-vite';
import interfaceConfig from './vite.config.ts';

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/**
 * What only the desktop window needs built: Electron's entry with the threads that it starts, and the
 * preload script. Packages stay in node_modules; trainers run from the sources.
 */
export default defineConfig({
  main: {
    build: {
      outDir: path('out/main'),
      rollupOptions: {
        input: {
          desktop: path('src/main/desktop.ts'),
          importWorker: path('src/main/datasets/importWorker.ts'),
          databaseWorker: path('src/main/store/databaseWorker.ts'),
        },
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
    },
  },
  preload: {
    build: {
      outDir: path('out/preload'),
      // A sandboxed preload cannot be an ES module, and cannot load packages.
      externalizeDeps: false,
      rollupOptions: {
        input: { preload: path('src/main/desktop/preload.ts') },
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: interfaceConfig,
});
