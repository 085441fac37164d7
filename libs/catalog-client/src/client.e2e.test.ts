import { readFile, writeFile } from 'node:fs/promises';
import type { Product } from '@catalog/contracts';
import { createTestTokens, eventually, startCatalog, type RunningCatalog } from '@catalog/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCatalogClient, type CatalogClientOptions } from './client.ts';

let catalog: RunningCatalog;
beforeAll(async () => {
  catalog = await startCatalog();
});
afterAll(() => catalog[Symbol.asyncDispose]());

const newClient = (options: Partial<CatalogClientOptions> = {}) =>
  createCatalogClient({
    readUrl: catalog.read.url,
    writeUrl: catalog.write.url,
    identity: { service: 'test', keyFile: catalog.tokens.keyFile },
    ...options,
  });

const lamp = (sku: string) => ({
  sku,
  name: 'Lamp',
  brand: 'Acme',
  category: 'Lighting',
  priceMinor: 1999,
  currency: 'EUR',
  status: 'active' as const,
});

/** How many requests of a route catalog-read has answered with this status. */
async function answered(route: string, status = 200): Promise<number> {
  const text = await (await fetch(`${catalog.read.url}/metrics`)).text();
  const line = text
    .split('\n')
    .find(
      (line) =>
        line.startsWith('http_request_duration_seconds_count{') &&
        line.includes(`route="${route}"`) &&
        line.includes(`status="${status}"`),
    );
  return line === undefined ? 0 : Number(line.split(' ').at(-1));
}

test('a product can be created, read by id and by SKU, changed and deleted', async () => {
  const client = newClient();
  const created = await client.products.create(lamp('CLIENT-1'));
  expect(await client.products.get(created.id)).toEqual(created);
  expect(await client.products.get(created.id.toUpperCase())).toEqual(created);
  expect(await newClient().products.getBySku('CLIENT-1')).toEqual(created);
  const changed = await client.products.update(created, { priceMinor: 2500 });
  expect(changed).toMatchObject({ id: created.id, priceMinor: 2500 });
  await expect(client.products.update(created, { priceMinor: 1 })).rejects.toMatchObject({
    status: 412,
    code: 'version_changed',
  });
  await client.products.delete(created.id);
  expect(await client.products.get(created.id)).toBeNull();
  expect(await client.products.getBySku('CLIENT-1')).toBeNull();
});

test('the history of a product is read to its end', async () => {
  const client = newClient();
  const { id } = await client.products.create(lamp('HISTORY-1'));
  for (let price = 1; price <= 60; price++) await client.products.update(id, { priceMinor: price });
  const prices: unknown[] = [];
  for await (const { changedBy, fields } of client.products.history(id)) {
    expect(changedBy).toBe('test');
    prices.push(fields.find(({ field }) => field === 'priceMinor')?.new);
  }
  expect(prices).toEqual([...Array.from({ length: 60 }, (_, index) => 60 - index), 1999]);
});

test('a refused create names the wrong field', async () => {
  await expect(newClient().products.create({ ...lamp('CLIENT-2'), priceMinor: -1 })).rejects.toMatchObject({
    status: 400,
    code: 'invalid_request',
    errors: [{ pointer: '/priceMinor' }],
  });
});

test('a client reads its own writes at once, by id, by SKU and in a batch', async () => {
  const client = newClient();
  const created = await client.products.create(lamp('OWN-1'));
  const other = await client.products.create(lamp('OWN-2'));
  for (let price = 1; price <= 50; price++) {
    // Fills the near cache. The worker may not have applied the change yet when the next reads come.
    await client.products.getMany([created.id, other.id]);
    await client.products.update(created.id, { priceMinor: price });
    const reads = [client.products.get(created.id), client.products.getBySku('OWN-1')];
    const [byId, bySku] = await Promise.all(reads);
    expect([byId?.priceMinor, bySku?.priceMinor]).toEqual([price, price]);
    const many = await client.products.getMany([created.id, other.id]);
    expect(many.get(created.id)?.priceMinor).toBe(price);
  }
});

test('a SKU that this client moved is found only at its new product', async () => {
  const client = newClient();
  let product = await client.products.create(lamp('MOVED-0'));
  for (let step = 1; step <= 20; step++) {
    expect((await client.products.getBySku(`MOVED-${step - 1}`))?.id).toBe(product.id);
    product = await client.products.update(product, { sku: `MOVED-${step}` });
    expect(await client.products.getBySku(`MOVED-${step - 1}`)).toBeNull();
    expect((await client.products.getBySku(`MOVED-${step}`))?.version).toBe(product.version);
  }
});

test('a SKU that this client moved without reading it is not found at its old product', async () => {
  const other = newClient();
  let product = await other.products.create(lamp('AWAY-0'));
  for (let step = 1; step <= 20; step++) {
    // Fills every cache of the catalog under the SKU that the product is about to lose.
    await newClient().products.getBySku(`AWAY-${step - 1}`);
    const client = newClient();
    product = await client.products.update(product.id, { sku: `AWAY-${step}` });
    expect(await client.products.getBySku(`AWAY-${step - 1}`)).toBeNull();
  }
});

describe('with a hundred products', () => {
  let products: Product[];
  beforeAll(async () => {
    const client = newClient();
    products = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        client.products.create({ ...lamp(`MANY-${index}`), brand: 'Many' }),
      ),
    );
  });

  test('100 reads of one tick travel in one request', async () => {
    const client = newClient();
    const before = await answered('/v1/products');
    const read = await Promise.all(products.map(({ id }) => client.products.get(id)));
    expect(read).toEqual(products);
    expect(await answered('/v1/products')).toBe(before + 1);
  });

  test('reads after a few awaits in the same tick travel in that request too', async () => {
    const client = newClient();
    const before = await answered('/v1/products');
    const readAfterAwaits = async (id: string, awaits: number) => {
      for (let turn = 0; turn < awaits; turn++) await Promise.resolve();
      return client.products.get(id);
    };
    await Promise.all(products.map(({ id }, index) => readAfterAwaits(id, index % 10)));
    expect(await answered('/v1/products')).toBe(before + 1);
  });

  test('201 ids, some of them unknown, need three requests', async () => {
    const client = newClient();
    const unknown = Array.from(
      { length: 101 },
      (_, index) => `0190c0de-0000-7000-8000-${String(index).padStart(12, '0')}`,
    );
    const before = await answered('/v1/products');
    const found = await client.products.getMany([...products.map(({ id }) => id), ...unknown]);
    expect(found.size).toBe(100);
    const requests = (await answered('/v1/products')) - before;
    // The third batch has a single id, so it goes to the address of that product.
    expect(requests).toBe(2);
  });

  test('reads by known SKUs travel in one request', async () => {
    const client = newClient();
    await Promise.all(products.map(({ sku }) => client.products.getBySku(sku)));
    const before = [await answered('/v1/products'), await answered('/v1/products/by-sku/:sku')];
    const read = await Promise.all(products.map(({ sku }) => client.products.getBySku(sku)));
    expect(read).toEqual(products);
    expect([await answered('/v1/products'), await answered('/v1/products/by-sku/:sku')]).toEqual([
      (before[0] ?? 0) + 1,
      before[1],
    ]);
  });

  test('a list is read page by page, and only as far as the caller consumes it', async () => {
    const client = newClient();
    const listed: string[] = [];
    for await (const { id } of client.products.list({ brand: 'Many' }, { pageSize: 30 })) listed.push(id);
    expect(listed.toSorted()).toEqual(products.map(({ id }) => id).toSorted());
    const before = await answered('/v1/products');
    for await (const _first of client.products.list({ brand: 'Many' }, { pageSize: 7 })) break;
    expect(await answered('/v1/products')).toBe(before + 1);
  });

  test('a cached product is revalidated without a body until it changes', async () => {
    const [product] = products;
    if (product === undefined) throw new Error('no product was created');
    const client = newClient({ cacheEntries: 10 });
    await client.products.get(product.id);
    const before = await answered('/v1/products/:id', 304);
    expect(await client.products.get(product.id)).toEqual(product);
    expect(await answered('/v1/products/:id', 304)).toBe(before + 1);
    const changed = await newClient().products.update(product.id, { name: 'Changed elsewhere' });
    await eventually(async () => (await client.products.get(product.id))?.version === changed.version);
  });
});

test('a client reads the settings that it has changed', async () => {
  const client = newClient({ cacheEntries: 1 });
  const settings = await client.settings.get();
  for (let threshold = 1; threshold <= 20; threshold++) {
    const changed = await client.settings.update('*', { lowStockThreshold: threshold });
    expect(await client.settings.get()).toEqual(changed);
  }
  await expect(client.settings.update(settings, { storeName: 'x' })).rejects.toMatchObject({
    code: 'version_changed',
  });
});

test('a replaced key file is used without a restart, by client and service', async () => {
  await using old = await createTestTokens();
  const client = newClient({ identity: { service: 'test', keyFile: old.keyFile } });
  await expect(client.settings.get()).rejects.toMatchObject({ status: 401, code: 'unauthenticated' });
  // The token of this client was refused. Now its key file is replaced by one that the service trusts.
  await writeFile(old.keyFile, await readFile(catalog.tokens.keyFile));
  expect(await client.settings.get()).toMatchObject({ storeName: expect.any(String) as string });
});

test('while catalog-read is away, a read fails unless the caller accepts a cached product', async () => {
  const away = await startCatalog();
  try {
    const client = createCatalogClient({
      readUrl: away.read.url,
      writeUrl: away.write.url,
      identity: { service: 'test', keyFile: away.tokens.keyFile },
      cacheEntries: 10,
    });
    const cached = await client.products.create(lamp('KEPT-1'));
    await client.products.get(cached.id);
    await away.read.kill('SIGKILL');
    await expect(client.products.getBySku('KEPT-1')).rejects.toMatchObject({
      name: 'CatalogUnavailable',
      reason: 'unreachable',
    });
    let stale_ms: number | undefined;
    const onStale = (ms: number) => {
      stale_ms = ms;
    };
    expect(await client.products.getBySku('KEPT-1', { staleIfError_ms: 600_000, onStale })).toEqual(cached);
    expect(stale_ms).toBeGreaterThan(0);
    await expect(client.products.getBySku('KEPT-1', { staleIfError_ms: 0.001 })).rejects.toThrow();
    await expect(client.products.getBySku('NEVER-READ', { staleIfError_ms: 600_000 })).rejects.toMatchObject({
      reason: 'unreachable',
    });
  } finally {
    await away[Symbol.asyncDispose]();
  }
});
