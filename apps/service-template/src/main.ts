import { createCatalogClient } from '@catalog/catalog-client';
import { authenticate, runServer } from '@catalog/service-kit';
import { createApp, serviceName } from './app.ts';
import { readConfig } from './config.ts';

const config = readConfig();

await runServer({
  service: serviceName,
  config,
  async createApp(parts) {
    const { log, readiness } = parts;
    return createApp({
      ...parts,
      catalog: createCatalogClient({
        readUrl: config.CATALOG_READ_URL,
        identity: { service: serviceName, keyFile: config.SERVICE_KEY_FILE },
        cacheEntries: config.CATALOG_CACHE_ENTRIES,
      }),
      authenticate: authenticate({
        jwksFile: config.SERVICE_JWKS_FILE,
        audience: config.SERVICE_AUDIENCE ?? serviceName,
        log,
        readiness,
      }),
    });
  },
});
