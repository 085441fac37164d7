import { defineConfig } from 'vitest/config';

/** One configuration for every project: its `test` script names this file, so the root is the project's folder. */
export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/reports/**'],
    passWithNoTests: true,
    /** Real servers start inside tests; on a loaded machine with two cores that takes seconds. */
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['default', ['json', { outputFile: 'reports/vitest.json' }]],
  },
});
