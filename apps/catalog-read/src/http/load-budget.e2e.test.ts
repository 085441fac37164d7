/** What one caller may cost, so that other callers are still served. See docs/security.md, row 37. */
import { randomUUID } from 'node:crypto';
import { problemSchema, SETTINGS, SETTINGS_KEY } from '@catalog/contracts';
import { eventually } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Reader, startStores, type Stores } from '../testing/running-catalog-read.ts';

let stores: Stores;
let reader: Reader;
beforeAll(async () => {
  stores = await startStores();
  reader = await stores.reader({ loadsPerSecond: 100 });
  await reader.ready();
});
afterAll(() => stores?.[Symbol.asyncDispose]());

const as = (sub: string) => ({
  authorization: `Bearer ${stores.tokens.sign({ aud: 'catalog-read', scope: 'catalog:read', sub })}`,
});
const randomIds = () => Array.from({ length: 100 }, () => randomUUID()).join(',');

test.each<[string, () => string]>([
  ['random ids, 100 at once', () => `/v1/products?ids=${randomIds()}`],
  ['random ids, one by one', () => `/v1/products/${randomUUID()}`],
  ['random SKUs', () => `/v1/products/by-sku/${randomUUID()}`],
  ['searches that nobody repeats', () => `/v1/products?q=${randomUUID()}`],
  ['facets that nobody repeats', () => `/v1/products/facets?q=${randomUUID()}`],
])('a caller who asks for %s is refused after a while, and nobody else is', async (what, path) => {
  const known = await stores.insert({ sku: `KNOWN-${randomUUID()}` });
  const attacker = as(what);
  const other = as(`beside ${what}`);
  await reader.get(`/v1/products/${known.id}`, other);
  const statuses = new Set<number>();
  while (!statuses.has(429)) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => reader.get(path(), attacker)));
    for (const { status } of answers) statuses.add(status);
  }
  const fresh = await stores.insert({ sku: `FRESH-${randomUUID()}` });
  for (const { id } of [known, fresh]) {
    const answer = await reader.get(`/v1/products/${id}`, other);
    expect([answer.status, answer.headers.get('cache-status')]).toEqual([
      200,
      expect.not.stringContaining('stale'),
    ]);
  }
  // What the near cache holds costs nothing.
  await eventually(async () => (await reader.get(`/v1/products/${known.id}`, attacker)).status === 200);
});

test('a caller who asks for many large products of the near cache pays for them, and nobody else does', async () => {
  const description = 'x'.repeat(10_000);
  const inserted = await Promise.all(
    Array.from({ length: 30 }, () => stores.insert({ sku: `LARGE-${randomUUID()}`, description })),
  );
  const path = `/v1/products?ids=${inserted.map(({ id }) => id).join(',')}`;
  for (const { id } of inserted) await reader.get(`/v1/products/${id}`, as(id));
  const greedy = async () => (await reader.get(path, as('greedy'))).status;
  const statuses = [await greedy()];
  // Points come back while a busy machine answers, so the caller asks faster than it is answered.
  while (!statuses.some((status) => status !== 200))
    statuses.push(...(await Promise.all(Array.from({ length: 5 }, greedy))));
  expect([statuses[0], new Set(statuses)]).toEqual([200, new Set([200, 429])]);
  const other = await reader.get(path, as('other'));
  expect([other.status, other.headers.get('cache-status')]).toEqual([200, expect.stringContaining('near')]);
  expect((await reader.get(`/v1/products/${inserted[0]?.id}`, as('greedy'))).status).toBe(200);
});

test('the refusal says what is limited, and when to come again', async () => {
  const headers = as('somebody');
  let refused = await reader.get(`/v1/products?ids=${randomIds()}`, headers);
  while (refused.status !== 429) refused = await reader.get(`/v1/products?ids=${randomIds()}`, headers);
  expect(refused.headers.get('retry-after')).toBe('1');
  const { code, detail } = problemSchema.parse(await refused.json());
  expect(code).toBe('rate_limited');
  expect(detail).toContain('At most 100 keys a second');
});

test('for the rate limit each id counts as a request, and a page or the popular products as ten', async () => {
  const generous = await stores.reader({ requestsPerMinute: 1_000 });
  await generous.ready();
  const headers = as('counted');
  const left = async (path: string) => {
    const answer = await generous.get(path, headers);
    return Number(/r=(\d+)/.exec(answer.headers.get('ratelimit') ?? '')?.[1]);
  };
  const begin = await left(`/v1/products/${randomUUID()}`);
  expect(await left(`/v1/products?ids=${randomIds()}`)).toBe(begin - 100);
  expect(await left('/v1/products?limit=1')).toBe(begin - 110);
  expect(await left('/v1/products/facets')).toBe(begin - 120);
  expect(await left('/v1/products/popular')).toBe(begin - 130);
  const many = `/v1/products?ids=${randomIds()}`;
  while ((await generous.get(many, headers)).status === 200);
  // Too few are left for a hundred, but enough for one.
  expect((await generous.get(`/v1/products/${randomUUID()}`, headers)).status).toBe(404);
});

test.each<[string, (known: { sku: string; id: string }) => string, Record<string, string>]>([
  [
    'reads a SKU past the caches',
    ({ sku }) => `/v1/products/by-sku/${sku}`,
    { 'Min-Version': String(2 ** 52) },
  ],
  ['reads a SKU that no product has', () => '/v1/products/by-sku/UNKNOWN', { 'Min-Version': '1' }],
  ['views a key', ({ id }) => `/v1/products/${id}/cache`, {}],
])('one caller who %s cannot take all places at Postgres', async (what, pathOf, more) => {
  const generous = await stores.reader();
  await generous.ready();
  const path = pathOf(await stores.insert({ sku: `TAKEN-${randomUUID()}` }));
  // The near cache knows the SKU, or that no product has it.
  await generous.get(path);
  const redis = new Redis(stores.cacheRedis.url);
  await redis.del(SETTINGS.cacheKey(SETTINGS_KEY));
  redis.disconnect();
  const [greedy, other] = [{ ...as(what), ...more }, as(`beside one who ${what}`)];
  const session = await stores.owner.connect();
  const asked: Promise<Response>[] = [];
  const { keys, inspections } = generous.cache.status().loads;
  const shedBefore = keys.shed.busy + inspections.shed.busy;
  try {
    await session.query('begin');
    await session.query('lock table catalog.products');
    asked.push(...Array.from({ length: 60 }, () => generous.get(path, greedy)));
    await eventually(() => {
      const { keys: now, inspections: views } = generous.cache.status().loads;
      return now.running + views.running + views.waiting >= 4;
    });
    // No cache has the settings, so this needs Postgres, where their table is free.
    expect((await generous.get('/v1/settings', other)).status).toBe(200);
  } finally {
    await session.query('rollback');
    session.release();
  }
  await Promise.all(asked);
  const { keys: after, inspections: views } = generous.cache.status().loads;
  expect(after.shed.busy + views.shed.busy).toBe(shedBefore);
});

test('one caller with slow searches leaves a place for the pages of others', async () => {
  const generous = await stores.reader();
  await generous.ready();
  const [searching, other] = [as('searching'), as('beside one who searches')];
  const session = await stores.owner.connect();
  const asked: Promise<Response>[] = [];
  try {
    await session.query('begin');
    await session.query('lock table catalog.products');
    asked.push(
      ...Array.from({ length: 12 }, () => generous.get(`/v1/products?q=${randomUUID()}`, searching)),
    );
    await eventually(() => generous.cache.status().loads.lists.running >= 3);
    // It reads another table, which is free. No cache has it.
    const facets = await generous.get(`/v1/products/facets?brand=${randomUUID()}`, other);
    expect(facets.status).toBe(200);
  } finally {
    await session.query('rollback');
    session.release();
  }
  await Promise.all(asked);
});

test('a caller with many connections gets its pages of lists', async () => {
  const generous = await stores.reader();
  await generous.ready();
  const headers = as('with many connections');
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, n) => generous.get(`/v1/products?limit=${1 + (n % 30)}`, headers)),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
});
