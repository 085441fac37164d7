import {
  authConfig,
  baseConfig,
  databaseConfig,
  defineConfig,
  type Environment,
  integer,
  redisConfig,
} from '@catalog/service-kit';

const { SERVICE_JWKS_FILE, SERVICE_AUDIENCE } = authConfig;

/** @throws ConfigError with every mistake at once */
export const readConfig = (environment?: Environment) =>
  defineConfig(
    {
      ...baseConfig,
      ...databaseConfig,
      ...redisConfig,
      SERVICE_JWKS_FILE,
      SERVICE_AUDIENCE,
      /** Cached keys that the auditor compares with Postgres; 8,000 products take 80 s at 100. */
      AUDIT_KEYS_PER_SECOND: integer({ min: 1, max: 10_000 }).default(100),
    },
    environment,
  );
