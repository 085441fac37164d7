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
      /** How long it can be seen who changed what. */
      KEEP_HISTORY_DAYS: integer({ min: 1, max: 36_500 }).default(365),
      /** The absence of a product has a version for this long; far longer than any cache or paused reader lives. */
      KEEP_TOMBSTONES_DAYS: integer({ min: 1, max: 36_500 }).default(30),
      /** How long a request can be repeated under its Idempotency-Key. */
      KEEP_IDEMPOTENCY_KEYS_HOURS: integer({ min: 1, max: 8_760 }).default(48),
      /** Results of imports. */
      KEEP_IMPORTS_DAYS: integer({ min: 1, max: 36_500 }).default(30),
    },
    environment,
  );
