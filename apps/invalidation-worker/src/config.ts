import {
  authConfig,
  baseConfig,
  databaseConfig,
  defineConfig,
  type Environment,
  integer,
  redisConfig,
} from '@catalog/service-kit';
import { z } from 'zod';

const { SERVICE_JWKS_FILE, SERVICE_AUDIENCE } = authConfig;

/** @throws ConfigError that names every mistake */
export const readConfig = (environment?: Environment) =>
  defineConfig(
    {
      ...baseConfig,
      ...databaseConfig,
      ...redisConfig,
      SERVICE_JWKS_FILE,
      SERVICE_AUDIENCE,
      /** Where the triggers write changes. If it is not set, the source stays as it is: the outbox at first. */
      CHANGE_SOURCE: z.enum(['outbox', 'slot'], { error: 'must be "outbox" or "slot"' }).optional(),
      /** Cached keys that the auditor compares with Postgres each second. At 100, 8,000 products take 80 s. */
      AUDIT_KEYS_PER_SECOND: integer({ min: 1, max: 10_000 }).default(100),
      /** The changes that `GET /v1/changes` of catalog-read answers. */
      KEEP_CHANGES_DAYS: integer({ min: 1, max: 36_500 }).default(7),
      /** The history of products. It is kept at least a day longer than the changes, which come from it. */
      KEEP_HISTORY_DAYS: integer({ min: 1, max: 36_500 }).default(365),
      /** The versions of deleted products: kept far longer than any cache entry, or any pause of a reader, lasts. */
      KEEP_TOMBSTONES_DAYS: integer({ min: 1, max: 36_500 }).default(30),
      /** How long a request can be repeated with its Idempotency-Key. */
      KEEP_IDEMPOTENCY_KEYS_HOURS: integer({ min: 24, max: 8_760 }).default(48),
      /** Results of imports. */
      KEEP_IMPORTS_DAYS: integer({ min: 1, max: 36_500 }).default(30),
      /** What people did in the console. */
      KEEP_ACTIONS_DAYS: integer({ min: 1, max: 36_500 }).default(365),
    },
    environment,
  );
