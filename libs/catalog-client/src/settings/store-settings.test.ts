import { expect, test } from 'vitest';
import { createCatalogClient } from '../client.ts';
import { answer, problem, scriptedServer } from '../testing/scripted-server.ts';

const settings = {
  storeName: 'Corner shop',
  defaultCurrency: 'EUR',
  lowStockThreshold: 5,
  ordersEnabled: true,
  supportEmail: null,
  version: 7,
  updatedAt: '2026-01-01T00:00:00.000Z',
};

test('cached settings that serve while the catalog is away are never older than what this client wrote', async () => {
  const changed = { ...settings, storeName: 'Market hall', version: 8 };
  await using server = await scriptedServer(
    answer(200, settings, { ETag: '"7"' }),
    answer(200, changed),
    problem(503, 'unavailable'),
  );
  const client = createCatalogClient({ readUrl: server.url, writeUrl: server.url, cacheEntries: 1 });
  await client.settings.get();
  await client.settings.update('*', { storeName: 'Market hall' });
  expect(await client.settings.get({ staleIfError_ms: 60_000 })).toEqual(changed);
});
