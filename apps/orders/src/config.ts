import {
  authConfig,
  baseConfig,
  databaseConfig,
  defineConfig,
  integer,
  redisConfig,
  url,
  type Environment,
} from '@catalog/service-kit';
import { z } from 'zod';

/** @throws ConfigError with every mistake at once */
export const readConfig = (environment?: Environment) =>
  defineConfig(
    {
      ...baseConfig,
      ...databaseConfig,
      ...redisConfig,
      SERVICE_JWKS_FILE: authConfig.SERVICE_JWKS_FILE,
      SERVICE_AUDIENCE: authConfig.SERVICE_AUDIENCE,
      /** The private key of this service, a JWK with a `kid`. It signs the requests to catalog-read. */
      SERVICE_KEY_FILE: z.string().min(1),
      CATALOG_READ_URL: url(['http', 'https']),
      /** Postgres connections of this process. */
      DATABASE_POOL_SIZE: integer({ min: 1, max: 100 }).default(10),
      /** Products that this process caches and revalidates by ETag. */
      CATALOG_CACHE_ENTRIES: integer({ min: 0, max: 1_000_000 }).default(10_000),
      /** How many requests one caller may send in `RATE_LIMIT_WINDOW_SECONDS`, counted over all processes. */
      RATE_LIMIT_REQUESTS: integer({ min: 1, max: 1_000_000_000 }).default(10_000),
      RATE_LIMIT_WINDOW_SECONDS: integer({ min: 1, max: 3_600 }).default(10),
    },
    environment,
  );
