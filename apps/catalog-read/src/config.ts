import {
  authConfig,
  baseConfig,
  databaseConfig,
  defineConfig,
  type Environment,
  integer,
  postgresUrl,
  redisConfig,
} from '@catalog/service-kit';

/** @throws ConfigError with every mistake at once */
export const readConfig = (environment?: Environment) =>
  defineConfig(
    {
      ...baseConfig,
      ...databaseConfig,
      ...redisConfig,
      ...authConfig,
      /** Processes that share the port, each with its own near cache and its own connections. */
      WORKERS: integer({ min: 1, max: 64 }).default(1),
      /** A standby of Postgres: it answers, marked stale, what no cache holds while the primary is away. */
      DATABASE_STANDBY_URL: postgresUrl.optional(),
      /** Connections to Postgres of each process: 11 for the loads that may run at once, and one for its health. */
      DATABASE_POOL_SIZE: integer({ min: 1, max: 100 }).default(12),
      /** How many requests one caller may send in `RATE_LIMIT_WINDOW_SECONDS`, over all processes. */
      RATE_LIMIT_REQUESTS: integer({ min: 1, max: 1_000_000_000 }).default(100_000),
      RATE_LIMIT_WINDOW_SECONDS: integer({ min: 1, max: 3_600 }).default(10),
      /** How many reads a second one caller may push past the caches with `Min-Version` or by viewing a key. */
      BYPASSES_PER_SECOND: integer({ min: 1, max: 1_000_000 }).default(500),
      /**
       * How many keys a second may be loaded from Postgres for one caller of a process. A key that does not exist counts as 5,
       * a page of a list as 10, and each 4 KiB of a large answer as one more.
       */
      LOADS_PER_SECOND: integer({ min: 1, max: 1_000_000 }).default(5_000),
      /** How many streams of `GET /v1/changes` one caller may have open at this process. */
      CHANGE_STREAMS_PER_CALLER: integer({ min: 1, max: 200 }).default(10),
    },
    environment,
  );
