/** Shapes to spread into a service's own configuration. */
import { z } from 'zod';
import { flag, list, port, postgresUrl, redisUrl } from './values.ts';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export const baseConfig = {
  PORT: port,
  HOST: z.string().min(1).default('127.0.0.1'),
  LOG_LEVEL: z.enum(logLevels).default('info'),
  /** Addresses or CIDR ranges whose `X-Forwarded-For` is believed; nobody's unless set. */
  TRUSTED_PROXIES: list.default([]),
};

export const databaseConfig = {
  DATABASE_URL: postgresUrl,
  /** Past any transaction pooler: LISTEN and advisory locks need a session. `DATABASE_URL` where unset. */
  DATABASE_DIRECT_URL: postgresUrl.optional(),
};

export const redisConfig = {
  CACHE_REDIS_URL: redisUrl,
  STATE_REDIS_URL: redisUrl,
  /**
   * `replication-only` for a cache Redis that hides INFO server; then its restart from an old dump goes unseen. The same in
   * every service, or they take each other's entries for those of another life.
   */
  CACHE_INCARNATION_MODE: z.enum(['full', 'replication-only']).default('full'),
};

export const authConfig = {
  /** Public keys of the token issuer: a JWKS as JSON, read again when it changes. */
  SERVICE_JWKS_FILE: z.string().min(1),
  /** The name that tokens for this service carry as `aud`; the service's own name where unset. */
  SERVICE_AUDIENCE: z.string().min(1).optional(),
  ALLOW_ANONYMOUS_READS: flag.default(false),
};
