/** Callers that say how long they wait. Tables are locked, so that every load hangs until the test lets it go. */
import { limits } from '@catalog/cache/timings';
import { problemSchema } from '@catalog/contracts';
import { eventually } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Reader, startStores, type Stores } from '../testing/running-catalog-read.ts';

let stores: Stores;
let reader: Reader;
beforeAll(async () => {
  stores = await startStores();
  reader = await stores.reader();
  await reader.ready();
});
afterAll(() => stores?.[Symbol.asyncDispose]());

let serial = 0;
const insert = () => stores.insert({ sku: `DEADLINE-${(serial += 1)}` });
const waiting = (path: string, timeout_ms: number | string) =>
  reader.get(path, { 'Request-Timeout-Ms': String(timeout_ms) });
const productLoads = () => reader.metric('cache_loads_total{entity="product"');
const unwanted = () => reader.metric('loads_shed_total{of="keys",reason="unwanted"');

/** Hangs loads until the returned function is called. Calling it twice is harmless. */
async function hangPostgres() {
  const client = await stores.owner.connect();
  await client.query('begin');
  await client.query('lock table catalog.products, catalog.settings');
  let letGo: Promise<void> | undefined;
  return () => (letGo ??= client.query('rollback').then(() => client.release()));
}

async function expectGivenUp(response: Response): Promise<void> {
  const problem = problemSchema.parse(await response.json());
  expect(problem).toMatchObject({ status: 503, code: 'unavailable' });
  expect(problem.detail).toContain('Request-Timeout-Ms');
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
}

test('every read ends when its caller gives up, though Postgres hangs', async () => {
  const [byId, bySku, many, newer, popular] = [
    await insert(),
    await insert(),
    await insert(),
    await insert(),
    await insert(),
  ];
  // The caches know this product, so only the requested version needs Postgres.
  await reader.get(`/v1/products/by-sku/${newer.sku}`);
  reader.views.count(popular.id, 'a caller');
  await reader.views.flush();
  await stores.rankViews();
  const letGo = await hangPostgres();
  try {
    const paths: [path: string, minVersion?: number][] = [
      [`/v1/products/${byId.id}`],
      [`/v1/products/by-sku/${bySku.sku}`],
      [`/v1/products/by-sku/${newer.sku}`, newer.version + 1],
      [`/v1/products?ids=${many.id}`],
      ['/v1/products?limit=7'],
      ['/v1/products/popular'],
      ['/v1/settings'],
    ];
    for (const [path, minVersion] of paths) {
      const headers = {
        'Request-Timeout-Ms': '50',
        ...(minVersion !== undefined && { 'Min-Version': String(minVersion) }),
      };
      await expectGivenUp(await reader.get(path, headers));
    }
  } finally {
    await letGo();
  }
});

test('a caller is answered even if another caller of the same load gives up', async () => {
  const { id } = await insert();
  const letGo = await hangPostgres();
  try {
    const hurried = waiting(`/v1/products/${id}`, 50);
    const patient = reader.get(`/v1/products/${id}`);
    await expectGivenUp(await hurried);
    await letGo();
    expect((await patient).status).toBe(200);
  } finally {
    await letGo();
  }
});

/** Takes this many places for loads of one kind, until the returned function is called. */
async function take(of: 'keys' | 'lists', places: number): Promise<() => Promise<unknown>> {
  const { promise: letGo, resolve } = Promise.withResolvers<Buffer>();
  const { cache } = reader;
  const read = (page: number) =>
    of === 'keys'
      ? cache.readPostgres(() => letGo)
      : cache.productPage([`taken ${(serial += 1)} ${page}`], () => letGo, Number.POSITIVE_INFINITY);
  // The callers give up after a while; the places stay taken.
  const taken = Promise.allSettled(Array.from({ length: places }, (_, page) => read(page)));
  await eventually(() => {
    const { running, waiting } = cache.status().loads[of];
    return running + waiting === places;
  });
  return () => {
    resolve(Buffer.from('{}'));
    return taken;
  };
}

test('a load is not made if all its callers gave up while it waited for its turn', async () => {
  const [alone, shared] = [await insert(), await insert()];
  const before = { loads: await productLoads(), unwanted: await unwanted() };
  const letGoOfKeys = await take('keys', limits.loadConcurrency);
  const letGoOfLists = await take('lists', limits.listConcurrency);
  try {
    const hurried = [waiting(`/v1/products/${alone.id}`, 50), waiting(`/v1/products/${alone.id}`, 60)];
    for (const response of await Promise.all(hurried)) await expectGivenUp(response);
    const paths = ['/v1/products?limit=3', `/v1/products/by-sku/${shared.sku}`];
    const joined = paths.map((path) => [waiting(path, 50), reader.get(path)] as const);
    for (const [first] of joined) await expectGivenUp(await first);
    await Promise.all([letGoOfKeys(), letGoOfLists()]);
    for (const [, second] of joined) expect((await second).status).toBe(200);
  } finally {
    await Promise.all([letGoOfKeys(), letGoOfLists()]);
  }
  // One load: that of the product that was found by its SKU.
  expect(await productLoads()).toBe(before.loads + 1);
  expect(await unwanted()).toBe(before.unwanted + 1);
});

test('products are read from Postgres, however many searches wait for it', async () => {
  const { id } = await insert();
  const letGo = await take('lists', limits.listConcurrency + limits.loadWaiting);
  try {
    expect((await reader.get('/v1/products?brand=One-too-many')).status).toBe(503);
    expect((await reader.get(`/v1/products/${id}`)).status).toBe(200);
  } finally {
    await letGo();
  }
});

test('products are read from Postgres, however many callers view cached keys', async () => {
  const { id } = await insert();
  const as = (sub: string) => ({
    Authorization: `Bearer ${stores.tokens.sign({ aud: 'catalog-read', scope: 'catalog:read', sub })}`,
  });
  const before = await productLoads();
  const timesBusy = () =>
    Object.values(reader.cache.status().loads).reduce((sum, { shed }) => sum + shed.busy, 0);
  const busyBefore = timesBusy();
  const letGo = await hangPostgres();
  const views = Promise.all(
    Array.from({ length: 30 }, async (_, n) =>
      (await reader.get(`/v1/products/${id}/cache`, as(`viewer ${n % 10}`))).json(),
    ),
  );
  try {
    await eventually(() => timesBusy() > busyBefore);
    const product = reader.get(`/v1/products/${id}`);
    await Promise.race([product, eventually(async () => (await productLoads()) > before)]);
    await letGo();
    expect((await product).status).toBe(200);
    const refused = { state: 'unreachable', reason: 'too many reads wait for the database' };
    expect(await views).toContainEqual(expect.objectContaining({ postgres: refused }));
  } finally {
    await letGo();
    await views;
  }
});

test('for a caller without any time no load begins, but the near cache still answers', async () => {
  const { id } = await insert();
  const before = await productLoads();
  await expectGivenUp(await waiting(`/v1/products/${id}`, 0));
  expect(await productLoads()).toBe(before);
  expect((await waiting(`/v1/products/${id}`, 'soon')).status).toBe(400);
  expect((await waiting(`/v1/products/${id}`, 60_000)).status).toBe(200);
  expect((await waiting(`/v1/products/${id}`, 0)).headers.get('cache-status')).toMatch(/detail=near/);
});
