/** Variables of every service, to be spread into its own configuration. */
import { z } from 'zod';
import { httpLimits } from '../http/limits.ts';
import { cacheRedisUrl, flag, integer, list, port, postgresUrl, redisUrl } from './values.ts';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export const baseConfig = {
  PORT: port,
  HOST: z.string().min(1).default('127.0.0.1'),
  LOG_LEVEL: z.enum(logLevels).default('info'),
  /** Addresses or CIDR ranges of proxies whose `X-Forwarded-For` counts. None by default. */
  TRUSTED_PROXIES: list.default([]),
  /** How long a connection may be idle: longer than the idle timeout of the load balancer in front. */
  KEEP_ALIVE_SECONDS: integer({ min: 5, max: 3_600 }).default(httpLimits.keepAlive_ms / 1_000),
};

export const databaseConfig = {
  DATABASE_URL: postgresUrl,
  /** For LISTEN and advisory locks, which need a session: not through a transaction pooler. Default: `DATABASE_URL`. */
  DATABASE_DIRECT_URL: postgresUrl.optional(),
};

export const redisConfig = {
  CACHE_REDIS_URL: cacheRedisUrl,
  STATE_REDIS_URL: redisUrl,
  /**
   * `replication-only` for a cache Redis that hides INFO server. Then nobody notices its restart from an old dump. All
   * services need the same value. Otherwise each takes the entries of the others for those of another incarnation.
   */
  CACHE_INCARNATION_MODE: z.enum(['full', 'replication-only']).default('full'),
};

export const authConfig = {
  /** The public keys of token issuers: a JWKS as JSON. The service reads it again when it changes. */
  SERVICE_JWKS_FILE: z.string().min(1),
  /** The `aud` of tokens for this service. Default: the name of the service. */
  SERVICE_AUDIENCE: z.string().min(1).optional(),
  ALLOW_ANONYMOUS_READS: flag.default(false),
};
