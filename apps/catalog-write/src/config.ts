import {
  authConfig,
  baseConfig,
  databaseConfig,
  defineConfig,
  redisConfig,
  type Environment,
} from '@catalog/service-kit';

/** Throws `ConfigError`. */
export function readConfig(environment?: Environment) {
  return defineConfig(
    {
      ...baseConfig,
      ...databaseConfig,
      STATE_REDIS_URL: redisConfig.STATE_REDIS_URL,
      SERVICE_JWKS_FILE: authConfig.SERVICE_JWKS_FILE,
      SERVICE_AUDIENCE: authConfig.SERVICE_AUDIENCE,
    },
    environment,
  );
}
