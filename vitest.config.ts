import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    // Native libraries and child processes: one process a test file, and as few at once as cores are free.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What is polled for comes late on a busy machine; a test that fails anyway waits for it once.
    expect: { poll: { timeout: 30_000 } },
  },
});
