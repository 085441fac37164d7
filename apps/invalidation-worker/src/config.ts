import {
  baseConfig,
  databaseConfig,
  defineConfig,
  type Environment,
  redisConfig,
} from '@catalog/service-kit';

/** @throws ConfigError with every mistake at once */
export const readConfig = (environment?: Environment) =>
  defineConfig({ ...baseConfig, ...databaseConfig, ...redisConfig }, environment);
