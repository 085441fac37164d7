import {
  authConfig,
  baseConfig,
  databaseConfig,
  defineConfig,
  integer,
  redisConfig,
  type Environment,
} from '@catalog/service-kit';

/** @throws ConfigError with every mistake at once */
export function readConfig(environment?: Environment) {
  return defineConfig(
    {
      ...baseConfig,
      ...databaseConfig,
      STATE_REDIS_URL: redisConfig.STATE_REDIS_URL,
      SERVICE_JWKS_FILE: authConfig.SERVICE_JWKS_FILE,
      SERVICE_AUDIENCE: authConfig.SERVICE_AUDIENCE,
      /**
       * How many requests one caller may send in `RATE_LIMIT_WINDOW_SECONDS`, counted over all processes. An import is one
       * request. 5,000 requests a second are about half of the measured commits of one Postgres, so one caller cannot
       * take all of them.
       */
      RATE_LIMIT_REQUESTS: integer({ min: 1, max: 1_000_000_000 }).default(50_000),
      RATE_LIMIT_WINDOW_SECONDS: integer({ min: 1, max: 3_600 }).default(10),
    },
    environment,
  );
}
