import { defineConfig, type ViteUserConfig } from 'vitest/config';

/** The vitest configuration of a package. `postgres` starts one Postgres for the whole run; `setup` names files that also run before. */
export function testConfig(options: { postgres?: boolean; setup?: string[] } = {}): ViteUserConfig {
  return defineConfig({
    test: {
      include: ['**/*.test.ts'],
      // A package without own tests is fine. Its report counts none.
      passWithNoTests: true,
      // `npm test` adds up these reports. Nx keeps them with the cached result.
      reporters: ['default', ['json', { outputFile: 'reports/vitest.json' }]],
      // For two cores. More workers would only wait for each other's servers.
      maxWorkers: 2,
      globalSetup: [
        ...(options.postgres === true ? ['@catalog/testing/postgres-setup'] : []),
        ...(options.setup ?? []),
      ],
      testTimeout: 20_000,
      // The default of one second is short on a busy machine.
      expect: { poll: { timeout: 10_000 } },
      // The first migrated database of a run waits for the template.
      hookTimeout: 60_000,
      teardownTimeout: 20_000,
    },
  });
}
