import { randomUUID } from 'node:crypto';
import { Lock } from '@catalog/redis';
import { importResultSchema, type ImportResult } from '@catalog/contracts';
import { LockLost, passFence } from '@catalog/database';
import { eventually } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, expect, test } from 'vitest';
import { runningOrders } from './testing/running-orders.ts';

const orders = await runningOrders();
afterAll(() => orders[Symbol.asyncDispose]());

async function wipe(url: string): Promise<void> {
  const redis = new Redis(url);
  await redis.flushall();
  redis.disconnect();
}
const wipeBoth = () =>
  Promise.all([wipe(orders.catalog.cacheRedis.url), wipe(orders.catalog.stateRedis.url)]);

/** Everything that a client can read, without the headers that say where an answer came from. */
async function seen(sku: string, orderId: string): Promise<unknown[]> {
  const bodies = [
    `/v1/orders/${orderId}`,
    `/v1/orders?customerId=c-1`,
    `/v1/stock/${sku}`,
    '/v1/reports/sales',
  ];
  const texts = await Promise.all(bodies.map(async (path) => (await orders.call('GET', path)).json()));
  return [...texts, await orders.client.products.getBySku(sku), await orders.client.settings.get()];
}

test('wiping both Redis servers again and again loses no data and stops nothing', async () => {
  const sku = await orders.sell({ sku: 'WIPED-1' }, 1_000);
  const body = { customerId: 'c-1', lines: [{ sku, quantity: 1 }] };
  const keyed = { body, headers: { 'Idempotency-Key': 'wiped' } };
  const first = (await (await orders.call('POST', '/v1/orders', keyed)).json()) as { id: string };
  await orders.call('POST', `/v1/orders/${first.id}/complete`);
  await eventually(async () => JSON.stringify(await seen(sku, first.id)).includes('"revenueMinor":1999'));
  const before = await seen(sku, first.id);

  for (let round = 1; round <= 3; round++) {
    await wipeBoth();
    expect(await seen(sku, first.id)).toEqual(before);
    const again = await orders.call('POST', '/v1/orders', keyed);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
  }

  // A change reaches every reader even when the queue with its invalidation was wiped.
  const product = await orders.client.products.getBySku(sku);
  for (let price = 1; price <= 5; price++) {
    const changing = orders.owner.query('update catalog.products set price_minor = $1 where sku = $2', [
      price,
      sku,
    ]);
    await Promise.all([changing, wipeBoth()]);
    await eventually(
      async () => (await orders.client.products.get(product?.id ?? ''))?.priceMinor === price,
      {
        timeout_ms: 15_000,
      },
    );
  }

  // Here the job is certainly in the queue when it is wiped, because no worker takes jobs from a paused queue.
  const redis = new Redis(orders.catalog.stateRedis.url);
  await redis.hset('bull:invalidation:meta', 'paused', 1);
  await orders.owner.query('update catalog.products set price_minor = 6 where sku = $1', [sku]);
  await eventually(async () => (await redis.llen('bull:invalidation:wait')) > 0);
  await wipeBoth();
  await eventually(async () => (await orders.client.products.get(product?.id ?? ''))?.priceMinor === 6, {
    timeout_ms: 15_000,
  });
  // The reader is right because the feed has caught up, and not only because it bypasses the caches.
  await eventually(
    async () => {
      const { rows } = await orders.owner.query('select from catalog.outbox where applied_at is null');
      return rows.length === 0 && (await redis.llen('bull:invalidation:wait')) === 0;
    },
    { timeout_ms: 15_000 },
  );
  redis.disconnect();

  const { items } = await orders.place([{ sku, quantity: 1 }]);
  expect(items[0]?.priceMinor).toBe(6);
  expect(await orders.onHand(sku)).toBe(998);
}, 60_000);

const header = 'sku,name,brand,category,priceMinor,currency';

/** Calls catalog-write. */
function callWrite(
  method: string,
  path: string,
  file?: string,
  id: string = randomUUID(),
): Promise<Response> {
  const token = orders.catalog.tokens.sign({ aud: 'catalog-write', scope: 'catalog:write' });
  return fetch(`${orders.catalog.write.url}${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'text/csv', 'Import-Id': id },
    ...(file !== undefined && { body: file }),
  });
}
async function resultOf(response: Promise<Response>): Promise<ImportResult> {
  return importResultSchema.parse(await (await response).json());
}
const readImport = (id: string) => callWrite('GET', `/v1/imports/${id}`);

// A wipe also loses sessions (sessions.e2e.test.ts of the console), at most ten seconds of view counts
// (view-totals.e2e.test.ts of the worker), and the counts of requests and failed sign-ins, which start again.
test('a wipe loses the results of dry runs and the locks, but no import, and the holder of a lost lock cannot write', async () => {
  const file = (sku: string) => `${header}\n${sku},Lamp,Acme,Lighting,1999,EUR\n`;
  const tried = await resultOf(callWrite('POST', '/v1/imports?dryRun=true', file('TRIED')));
  const done = await resultOf(callWrite('POST', '/v1/imports', file('DONE')));
  expect(await resultOf(readImport(tried.id))).toEqual(tried);

  // A lock holder stands for an import that is being applied. A second import waits for it.
  const redis = new Redis(orders.catalog.stateRedis.url);
  const holder = await new Lock({ redis, name: 'import-apply', ttl_ms: 600_000 }).acquire();
  const waitingId = randomUUID();
  const waiting = resultOf(callWrite('POST', '/v1/imports', file('WAITED'), waitingId));
  await eventually(async () => (await resultOf(readImport(waitingId))).received === 1);
  expect(await resultOf(readImport(waitingId))).toMatchObject({ state: 'running' });

  await wipeBoth();

  expect((await readImport(tried.id)).status).toBe(404);
  expect(await resultOf(readImport(done.id))).toEqual(done);
  expect(await waiting).toMatchObject({ state: 'succeeded', created: 1 });
  expect(await holder?.extend()).toBe(false);
  await expect(passFence(orders.owner, 'import-apply', holder?.fence ?? 0)).rejects.toThrow(LockLost);
  expect(await orders.client.products.getBySku('WAITED')).toMatchObject({ name: 'Lamp' });
  redis.disconnect();
});
