import { eventually, type ServiceProcess, startService } from '@catalog/testing';
import { afterAll, expect, test } from 'vitest';
import { startStores } from './testing/running-worker.ts';

const stores = await startStores();
const { owner, reader } = stores;
afterAll(() => stores[Symbol.asyncDispose]());

const start = (): Promise<ServiceProcess> =>
  startService('invalidation-worker', {
    DATABASE_URL: stores.database.urlFor('invalidation_worker'),
    CACHE_REDIS_URL: stores.cacheRedis.url,
    STATE_REDIS_URL: stores.stateRedis.url,
    SERVICE_JWKS_FILE: stores.tokens.jwksFile,
  });

async function cachedProducts(count: number): Promise<string[]> {
  const ids = await stores.insertProducts(count);
  await stores.settled(20_000);
  for (const id of ids) await reader.fill(`product:${id}`);
  return ids;
}

/** Products whose cached version differs from Postgres. */
async function wrongKeys(ids: readonly string[]): Promise<string[]> {
  const { rows } = await owner.query<{ id: string; version: number }>(
    'select id, version from catalog.products where id = any ($1)',
    [ids],
  );
  const wrong: string[] = [];
  for (const { id, version } of rows) {
    const { state, version: cached } = await reader.state(`product:${id}`);
    if (state === 'value' && cached !== version) wrong.push(id);
  }
  return wrong;
}

test('on SIGTERM it finishes the jobs that it has begun, and leaves the rest in the outbox for the next worker', async () => {
  const first = await start();
  const ids = await cachedProducts(100);
  const gone = new AbortController();
  // Edits go on until the worker has ended.
  const edits = (async () => {
    for (let n = 0; !gone.signal.aborted; n += 1) {
      await owner.query('update catalog.products set name = $2 where id = any ($1)', [ids, `Lamp ${n}`]);
    }
  })();
  await eventually(async () => (await stores.unapplied()) > 0);
  await first.kill('SIGTERM');
  gone.abort();
  await edits;
  expect(first.log()).toContain('"exitCode":0');
  const left = await stores.unapplied();
  expect(left).toBeGreaterThan(0);

  await using _second = await start();
  await stores.settled(20_000);
  expect(await wrongKeys(ids)).toEqual([]);
  const { rows } = await owner.query<{ unaccounted: number }>(
    'select count(*) as unaccounted from catalog.outbox where applied_at is null or applied_to is null',
  );
  expect(rows[0]?.unaccounted).toBe(0);
}, 60_000);

test('killed again and again during its work, it loses no change', async () => {
  const ids = await (async () => {
    await using _first = await start();
    return await cachedProducts(100);
  })();
  for (let kills = 0; kills < 4; kills += 1) {
    const service = await start();
    await owner.query('update catalog.products set name = $2 where id = any ($1)', [ids, `Lamp ${kills}`]);
    // Each time at another step.
    await eventually(async () => (await stores.unapplied()) < 100, { interval_ms: 1 + kills * 3 });
    await service.kill('SIGKILL');
  }
  await using _last = await start();
  await stores.settled(20_000);
  expect(await wrongKeys(ids)).toEqual([]);
}, 90_000);

test('it stops in time while a store is away', async () => {
  const service = await start();
  await stores.stateRedis.kill('SIGKILL');
  await service.kill('SIGTERM');
  expect(service.log()).toContain('"exitCode":0');
  expect(service.log()).not.toContain('a part could not be stopped');
  await stores.stateRedis.restart();
}, 30_000);
