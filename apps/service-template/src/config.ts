import { authConfig, baseConfig, defineConfig, integer, url, type Environment } from '@catalog/service-kit';
import { z } from 'zod';

/** @throws ConfigError with every mistake at once */
export const readConfig = (environment?: Environment) =>
  defineConfig(
    {
      ...baseConfig,
      SERVICE_JWKS_FILE: authConfig.SERVICE_JWKS_FILE,
      SERVICE_AUDIENCE: authConfig.SERVICE_AUDIENCE,
      /** The private key of this service, a JWK with a `kid`. It signs the requests to catalog-read. */
      SERVICE_KEY_FILE: z.string().min(1),
      CATALOG_READ_URL: url(['http', 'https']),
      /** Products that this process caches and revalidates by ETag. */
      CATALOG_CACHE_ENTRIES: integer({ min: 0, max: 1_000_000 }).default(10_000),
    },
    environment,
  );
