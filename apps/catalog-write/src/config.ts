import { authConfig, baseConfig, databaseConfig, defineConfig, type Environment } from '@catalog/service-kit';

/** Throws `ConfigError`. */
export function readConfig(environment?: Environment) {
  return defineConfig(
    {
      ...baseConfig,
      ...databaseConfig,
      SERVICE_JWKS_FILE: authConfig.SERVICE_JWKS_FILE,
      SERVICE_AUDIENCE: authConfig.SERVICE_AUDIENCE,
    },
    environment,
  );
}
