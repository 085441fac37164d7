import { defineConfig, type ViteUserConfig } from 'vitest/config';

/** The vitest configuration of a package; `postgres` starts one Postgres for the whole run. */
export function testConfig(options: { postgres?: boolean } = {}): ViteUserConfig {
  return defineConfig({
    test: {
      include: ['src/**/*.test.ts', 'server/**/*.test.ts'],
      globalSetup: options.postgres === true ? ['@catalog/testing/postgres-setup'] : [],
      testTimeout: 20_000,
      // The first migrated database of a run waits for the template.
      hookTimeout: 60_000,
      teardownTimeout: 20_000,
    },
  });
}
