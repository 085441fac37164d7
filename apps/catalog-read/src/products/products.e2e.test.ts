import { randomUUID } from 'node:crypto';
import { productSchema } from '@catalog/contracts';
import { eventually } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Reader, startStores, type Stores } from '../testing/running-catalog-read.ts';

let stores: Stores;
let reader: Reader;
let other: Reader;

beforeAll(async () => {
  stores = await startStores();
  reader = await stores.reader();
  other = await stores.reader();
});
afterAll(() => stores?.[Symbol.asyncDispose]());
beforeEach(async () => {
  stores.applier.follow();
  await Promise.all([reader.ready(), other.ready()]);
});

let serial = 0;
const newSku = () => `SKU-${(serial += 1)}`;
const insert = (product: Record<string, unknown> = {}) => stores.insert({ sku: newSku(), ...product });
const statusOf = (res: Response) => res.headers.get('cache-status');
const versionOf = (res: Response) => Number(res.headers.get('catalog-version'));
async function update(id: string, change: string): Promise<number> {
  const { rows } = await stores.owner.query<{ version: string }>(
    `update catalog.products set ${change} where id = $1 returning version`,
    [id],
  );
  return Number(rows[0]?.version);
}

test('a product comes from Postgres, then from the near cache; another process finds it in Redis', async () => {
  const product = await insert({ name: 'Desk lamp' });
  const first = await reader.get(`/v1/products/${product.id}`);
  expect(statusOf(first)).toBe('catalog-read; fwd=miss; stored');
  expect(productSchema.parse(await first.json())).toEqual(product);
  expect(first.headers.get('etag')).toBe(`"${product.version}-1"`);
  expect(first.headers.get('age')).toBe('0');
  expect(versionOf(first)).toBe(product.version);

  expect(statusOf(await reader.get(`/v1/products/${product.id}`))).toBe('catalog-read; hit; detail=near');
  const elsewhere = await other.get(`/v1/products/${product.id.toUpperCase()}`);
  expect(statusOf(elsewhere)).toBe('catalog-read; hit; detail=redis');
  expect(await elsewhere.json()).toEqual(product);
});

test('a change made with SQL is answered by every process once it is applied', async () => {
  const product = await insert();
  for (const process of [reader, other]) await process.get(`/v1/products/${product.id}`);
  const version = await update(product.id, `name = 'By hand'`);
  for (const process of [reader, other]) {
    const fresh = await eventually(async () => {
      const res = await process.get(`/v1/products/${product.id}`);
      return versionOf(res) === version && res;
    });
    expect(await fresh.json()).toMatchObject({ name: 'By hand', version });
  }
});

test('If-None-Match with the tag, in a list or weak or *, is answered 304 without a body', async () => {
  const { id } = await insert();
  const etag = (await reader.get(`/v1/products/${id}`)).headers.get('etag') ?? '';
  for (const condition of [etag, `"x", W/${etag}`, '*']) {
    const res = await reader.get(`/v1/products/${id}`, { 'If-None-Match': condition });
    expect([res.status, await res.text(), res.headers.get('etag')]).toEqual([304, '', etag]);
  }
  expect((await reader.get(`/v1/products/${id}`, { 'If-None-Match': '"other"' })).status).toBe(200);
});

test('absence is a 404 problem with a version, is cached, and ends when the product is created', async () => {
  const id = randomUUID();
  const miss = await reader.get(`/v1/products/${id}`);
  expect([miss.status, miss.headers.get('content-type'), versionOf(miss)]).toEqual([
    404,
    'application/problem+json',
    0,
  ]);
  expect(await miss.json()).toMatchObject({ code: 'not_found', status: 404 });
  expect(statusOf(await reader.get(`/v1/products/${id}`))).toBe('catalog-read; hit; detail=near');

  await stores.owner.query(
    `insert into catalog.products (id, sku, name, brand, category, price_minor, currency)
     values ($1, $2, 'Lamp', 'Acme', 'Lighting', 1, 'EUR')`,
    [id, newSku()],
  );
  await eventually(async () => (await reader.get(`/v1/products/${id}`)).status === 200);
});

test('a deleted product is a 404 with the version of its tombstone', async () => {
  const product = await insert();
  await reader.get(`/v1/products/${product.id}`);
  await stores.owner.query('delete from catalog.products where id = $1', [product.id]);
  const gone = await eventually(async () => {
    const res = await reader.get(`/v1/products/${product.id}`);
    return res.status === 404 && res;
  });
  expect(versionOf(gone)).toBeGreaterThan(product.version);
});

test('Min-Version reads a change before it is applied, and later reads of the process do not go back', async () => {
  const { id } = await insert();
  await reader.get(`/v1/products/${id}`);
  await stores.applier.hold();
  const version = await update(id, 'price_minor = 5');
  expect(versionOf(await reader.get(`/v1/products/${id}`))).toBeLessThan(version);

  const bypass = await reader.get(`/v1/products/${id}`, { 'Min-Version': String(version) });
  expect(await bypass.json()).toMatchObject({ priceMinor: 5, version });
  expect(versionOf(await reader.get(`/v1/products/${id}`))).toBe(version);
});

test('Min-Version holds by SKU and for many at once, before the change is applied', async () => {
  const product = await insert();
  const paths = [`/v1/products/by-sku/${product.sku}`, `/v1/products?ids=${product.id}`];
  for (const path of paths) await reader.get(path);
  for (const path of paths) {
    await stores.applier.hold();
    const version = await update(product.id, `description = '${path}'`);
    const res = await reader.get(path, { 'Min-Version': String(version) });
    expect(versionOf(res)).toBe(version);
    expect(await res.text()).toContain(JSON.stringify(path));
    stores.applier.follow();
  }
});

test('Min-Version for a version that Postgres has not reached is a 412 that says what there is', async () => {
  const product = await insert();
  const future = '9007199254740991';
  for (const path of [product.id, `by-sku/${product.sku}`, `?ids=${product.id}`, randomUUID()]) {
    const url = path.startsWith('?') ? `/v1/products${path}` : `/v1/products/${path}`;
    const res = await reader.get(url, { 'Min-Version': future });
    expect([path, res.status]).toEqual([path, 412]);
    expect(await res.json()).toMatchObject({
      code: 'version_not_reached',
      errors: [{ header: 'Min-Version' }],
    });
  }
});

test('Min-Version of a delete is answered 404, not with the deleted product', async () => {
  const { id } = await insert();
  await reader.get(`/v1/products/${id}`);
  await stores.applier.hold();
  await stores.owner.query('delete from catalog.products where id = $1', [id]);
  const { rows } = await stores.owner.query<{ version: string }>(
    'select version from catalog.tombstones where key = $1',
    [id],
  );
  const res = await reader.get(`/v1/products/${id}`, { 'Min-Version': rows[0]?.version ?? '' });
  expect([res.status, versionOf(res)]).toEqual([404, Number(rows[0]?.version)]);
});

test('bypasses beyond the limit of a caller are 429 with Retry-After; reads within the caches go on', async () => {
  const limited = await stores.reader({ bypassesPerSecond: 3 });
  await limited.ready();
  const { id } = await insert();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () =>
      limited.get(`/v1/products/${id}`, { 'Min-Version': '9007199254740990' }),
    ),
  );
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThanOrEqual(15);
  expect(refused[0]?.headers.get('retry-after')).toBe('1');
  expect((await limited.get(`/v1/products/${id}`)).status).toBe(200);
});

test('two products that swap their SKUs in one statement are each found under the new one', async () => {
  const [a, b] = [await insert({ name: 'A' }), await insert({ name: 'B' })];
  const nameAt = async (sku: string) =>
    ((await (await reader.get(`/v1/products/by-sku/${sku}`)).json()) as { name: string }).name;
  expect([await nameAt(a.sku), await nameAt(b.sku)]).toEqual(['A', 'B']);
  await stores.owner.query(
    `update catalog.products set sku = case id when $1 then $4 else $3 end where id in ($1, $2)`,
    [a.id, b.id, a.sku, b.sku],
  );
  await eventually(async () => (await nameAt(a.sku)) === 'B' && (await nameAt(b.sku)) === 'A');
});

test('a SKU entry is not trusted if its product has another SKU by now', async () => {
  const product = await insert();
  const path = `/v1/products/by-sku/${product.sku}`;
  await reader.get(path);
  await stores.applier.hold();
  // The product's own entry is new, the entry of its former SKU is still there.
  const renamed = newSku();
  const version = await update(product.id, `sku = '${renamed}'`);
  await reader.get(`/v1/products/${product.id}`, { 'Min-Version': String(version) });
  expect((await reader.get(path)).status).toBe(404);
  stores.applier.follow();
  expect((await reader.get(`/v1/products/by-sku/${renamed}`)).status).toBe(200);
});

test('a freed SKU that another product takes is answered with that one', async () => {
  const first = await insert({ name: 'First' });
  const path = `/v1/products/by-sku/${first.sku}`;
  await reader.get(path);
  await stores.owner.query('delete from catalog.products where id = $1', [first.id]);
  await insert({ sku: first.sku, name: 'Second' });
  const taken = await eventually(async () => {
    const res = await reader.get(path);
    const product = productSchema.safeParse(await res.json());
    return product.success && product.data.id !== first.id && product.data;
  });
  expect(taken.name).toBe('Second');
});

test('ids= answers each once, in the order asked, and names those that are missing', async () => {
  const [a, b] = [await insert(), await insert()];
  const missing = randomUUID();
  const res = await reader.get(`/v1/products?ids=${b.id},${missing},${a.id},${b.id}`);
  expect(await res.json()).toEqual({ data: [b, a], missing: [missing] });
  expect(versionOf(res)).toBe(b.version);
});

test('ids= with nothing but missing products is a valid answer', async () => {
  const missing = randomUUID();
  expect(await (await reader.get(`/v1/products?ids=${missing}`)).json()).toEqual({
    data: [],
    missing: [missing],
  });
});

const callerOf = (sub: string) => ({
  authorization: `Bearer ${stores.tokens.sign({ aud: 'catalog-read', scope: 'catalog:read', sub })}`,
});

test('the most read products come first, without those that are gone or not for sale', async () => {
  const [a, b, draft] = [await insert(), await insert(), await insert({ status: 'draft' })];
  const callers = Array.from({ length: 60 }, (_, n) => callerOf(`caller ${n}`));
  for (const [id, times] of [
    [a.id, 40],
    [b.id, 50],
    [draft.id, 60],
  ] as const) {
    for (const headers of callers.slice(0, times)) await reader.get(`/v1/products/${id}`, headers);
  }
  await reader.views.flush();
  await stores.rankViews();
  const popular = (await (await other.get('/v1/products/popular?limit=2')).json()) as { data: unknown[] };
  expect(popular.data).toEqual([b, a]);
});

test('popular products are found behind many deleted ones', async () => {
  const { id, ...rest } = await insert();
  const state = new Redis(stores.stateRedis.url);
  try {
    await state.zadd(
      'views:popular',
      ...Array.from({ length: 50 }, (_, n) => [1_000 + n, randomUUID()]).flat(),
    );
    await state.zadd('views:popular', 999, id);
    const popular = await (await reader.get('/v1/products/popular?limit=1')).json();
    expect(popular).toEqual({ data: [{ id, ...rest }] });
    // The answer is shorter when the list has no more.
    await state.del('views:popular');
    await state.zadd('views:popular', 999, id);
    expect(await (await reader.get('/v1/products/popular?limit=10')).json()).toEqual(popular);
  } finally {
    await state.del('views:popular');
    state.disconnect();
  }
});

test('reads by SKU and of many at once count as views, and missing products do not', async () => {
  const [a, b] = [await insert(), await insert()];
  const state = new Redis(stores.stateRedis.url);
  try {
    await reader.views.flush();
    await state.del('views:open');
    await reader.get(`/v1/products/by-sku/${a.sku}`, callerOf('first'));
    await reader.get(`/v1/products/by-sku/${a.sku}`, callerOf('second'));
    await reader.get(`/v1/products/by-sku/nobody-has-it`);
    await reader.get(`/v1/products?ids=${a.id},${b.id},${randomUUID()}`, callerOf('third'));
    await reader.views.flush();
    expect(await state.zrevrange('views:open', 0, -1, 'WITHSCORES')).toEqual([a.id, '3', b.id, '1']);
  } finally {
    state.disconnect();
  }
});

test('views of keys count as bypasses, so the limit of a caller holds for both together', async () => {
  const limited = await stores.reader({ bypassesPerSecond: 3 });
  await limited.ready();
  const { id, version } = await insert();
  const view = () => limited.get(`/v1/products/${id}/cache`);
  // Two windows of the limit may share the requests, but no more.
  const views = await Promise.all(Array.from({ length: 10 }, view));
  expect(views.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(6);
  const refused = views.find(({ status }) => status === 429);
  expect(refused?.headers.get('retry-after')).toBe('1');
  expect(await refused?.json()).toMatchObject({ code: 'rate_limited' });
  expect((await limited.get(`/v1/products/${id}`)).status).toBe(200);
  const newer = { 'Min-Version': String(version + 1_000_000) };
  const reads = await Promise.all(
    Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? view() : limited.get(`/v1/products/${id}`, newer))),
  );
  expect(reads.filter(({ status }) => status !== 429).length).toBeLessThanOrEqual(6);
});

test.each([
  ['an id that is no UUID', '/v1/products/17', 'id'],
  ['an id with more behind it', `/v1/products/${randomUUID()}0`, 'id'],
  ['a SKU of 65 characters', `/v1/products/by-sku/${'S'.repeat(65)}`, 'sku'],
  ['a SKU with a newline', '/v1/products/by-sku/A%0AB', 'sku'],
  ['101 ids', `/v1/products?ids=${Array.from({ length: 101 }, () => randomUUID()).join()}`, 'ids'],
  ['an id among others that is none', `/v1/products?ids=${randomUUID()},x`, 'ids'],
  ['ids beside another parameter', `/v1/products?ids=${randomUUID()}&limit=3`, 'limit'],
  ['ids twice', `/v1/products?ids=${randomUUID()}&ids=${randomUUID()}`, 'ids'],
  ['a limit of 0', '/v1/products?limit=0', 'limit'],
  ['a limit of 101', '/v1/products?limit=101', 'limit'],
  ['a limit in words', '/v1/products?limit=ten', 'limit'],
  ['an unknown status', '/v1/products?status=sold', 'status'],
  ['an unknown parameter', '/v1/products?colour=red', 'colour'],
  ['a cursor of somebody else', '/v1/products?cursor=AAAA', 'cursor'],
  ['a popular limit of 0', '/v1/products/popular?limit=0', 'limit'],
])('%s is a 400 that names the parameter', async (_, path, parameter) => {
  const res = await reader.get(path);
  expect([res.status, res.headers.get('content-type')]).toEqual([400, 'application/problem+json']);
  expect(await res.json()).toMatchObject({ code: 'invalid_request', errors: [{ parameter }] });
});

test.each(['-1', '1.5', 'x', '9007199254740992', '1e3', ''])(
  'Min-Version "%s" is a 400 that names the header',
  async (value) => {
    const res = await reader.get(`/v1/products/${randomUUID()}`, { 'Min-Version': value });
    expect(res.status).toBe(400);
    expect(await res.json()).toMatchObject({ errors: [{ header: 'Min-Version' }] });
  },
);

test('without a token, or with one of another audience or scope, nothing is read', async () => {
  const guarded = await stores.reader({ allowAnonymousReads: false });
  const { id } = await insert();
  const status = async (token?: string) =>
    (await guarded.get(`/v1/products/${id}`, token === undefined ? {} : { Authorization: `Bearer ${token}` }))
      .status;
  const claims = { aud: 'catalog-read', scope: 'catalog:read' };
  expect(await status()).toBe(401);
  expect(await status(stores.tokens.sign({ ...claims, aud: 'catalog-write' }))).toBe(401);
  expect(await status(stores.tokens.sign({ ...claims, scope: 'orders:write' }))).toBe(403);
  expect(await status(stores.tokens.sign(claims))).toBe(200);
});

test('over two processes a caller gets exactly its limit, and other callers are not limited by it', async () => {
  // A busy test machine may pause a Redis that works.
  const options = { requestsPerMinute: 100, rateLimiterWait_ms: 10_000 };
  const limited = await Promise.all([1, 2].map(() => stores.reader(options)));
  const { id } = await insert();
  const as = (sub: string) => ({
    Authorization: `Bearer ${stores.tokens.sign({ aud: 'catalog-read', scope: 'catalog:read', sub })}`,
  });
  const answers = await Promise.all(
    Array.from(
      { length: 400 },
      async (_, n) => (await limited[n % 2]?.get(`/v1/products/${id}`, as('busy')))?.status,
    ),
  );
  expect(answers.filter((status) => status === 200)).toHaveLength(100);
  expect(answers.filter((status) => status === 429)).toHaveLength(300);
  expect((await limited[0]?.get(`/v1/products/${id}`, as('idle')))?.status).toBe(200);
});
