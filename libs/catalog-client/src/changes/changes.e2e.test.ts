import { eventually, startCatalog, tcpProxy, type RunningCatalog } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCatalogClient, type CatalogClient } from '../client.ts';
import { ChangesGone } from '../errors.ts';
import type { ChangeBatch } from './changes.ts';

let catalog: RunningCatalog;
beforeAll(async () => {
  catalog = await startCatalog();
});
afterAll(() => catalog[Symbol.asyncDispose]());

const newClient = (readUrl = catalog.read.url) =>
  createCatalogClient({
    readUrl,
    writeUrl: catalog.write.url,
    identity: { service: 'test', keyFile: catalog.tokens.keyFile },
  });
let serial = 0;
const create = (client: CatalogClient) =>
  client.products.create({
    sku: `FOLLOWED-${(serial += 1)}`,
    name: 'Lamp',
    brand: 'Acme',
    category: 'Lighting',
    priceMinor: 1,
    currency: 'EUR',
  });

/** Follows until it is stopped. */
function follow(client: CatalogClient, after: string) {
  const controller = new AbortController();
  const batches: ChangeBatch[] = [];
  const ended = (async () => {
    for await (const batch of client.changeBatches({ after, include: 'product', signal: controller.signal }))
      batches.push(batch);
  })();
  ended.catch(() => undefined);
  const keys = () => batches.flatMap(({ changes }) => changes.map(({ key }) => key));
  return { batches, keys, ended, stop: () => controller.abort() };
}
async function latest(client: CatalogClient): Promise<string> {
  for await (const { cursor } of client.changeBatches({ after: 'latest' })) return cursor;
  throw new Error('the changes ended');
}

test('a follower hears each change, and begins again behind any cursor', async () => {
  const client = newClient();
  const from = await latest(client);
  const product = await create(client);
  await client.products.update(product, { priceMinor: 2 });
  const seen: [string, string | undefined][] = [];
  for await (const { kind, key, product: now, cursor } of client.changes({
    after: from,
    include: 'product',
  })) {
    expect([key, now?.priceMinor]).toEqual([product.id, 2]);
    seen.push([kind, cursor]);
    if (seen.length === 2) break;
  }
  expect(seen.map(([kind]) => kind)).toEqual(['created', 'updated']);
  for await (const { kind } of client.changes({ after: seen[0]?.[1] ?? '' })) {
    expect(kind).toBe('updated');
    break;
  }
});

test('a follower goes on by itself when the network breaks again and again, and loses and repeats nothing', async () => {
  const proxy = await tcpProxy({ to: catalog.read.port });
  const client = newClient(`http://127.0.0.1:${proxy.port}`);
  const direct = newClient();
  const follower = follow(client, await latest(direct));
  const created: string[] = [];
  for (let round = 0; round < 5; round += 1) {
    created.push((await create(direct)).id);
    await eventually(() => follower.keys().length === created.length, { timeout_ms: 30_000 });
    proxy.cut();
    created.push((await create(direct)).id);
  }
  await eventually(() => follower.keys().length === created.length, { timeout_ms: 30_000 });
  expect(follower.keys()).toEqual(created);
  follower.stop();
  await follower.ended;
  await proxy.stop();
}, 60_000);

test('a cursor that is gone is an error of its own type', async () => {
  const client = newClient();
  const from = await latest(client);
  await catalog.database.query(
    'select catalog.begin_incarnation(0, incarnation) from catalog.database_incarnation',
  );
  const follower = follow(client, from);
  await expect(follower.ended).rejects.toBeInstanceOf(ChangesGone);
  await expect(follow(client, 'nonsense').ended).rejects.toMatchObject({
    status: 400,
    code: 'invalid_request',
  });
});

test('a follower ends when its signal aborts, also while it waits', async () => {
  const follower = follow(newClient(), 'latest');
  await eventually(() => follower.batches.length > 0);
  follower.stop();
  expect(await follower.ended).toBeUndefined();
});
