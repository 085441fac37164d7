/** One caller cannot keep the others from writing. See docs/security.md, row 11. */
import { eventually } from '@catalog/testing';

import { afterAll, expect, test } from 'vitest';
import { csv, csvRow } from './testing/import-calls.ts';
import { runningService, validProduct } from './testing/running-service.ts';

const limit = 5;
const service = await runningService({ requestsPerMinute: limit });
afterAll(() => service[Symbol.asyncDispose]());

let serial = 0;
const as = (sub: string) => ({ Authorization: `Bearer ${service.token({ sub })}` });
const create = (sub: string) =>
  service.call('POST', '/v1/products', { body: { ...validProduct, sku: `S-${serial++}` }, headers: as(sub) });
const created = async () =>
  (await service.owner.query<{ count: number }>('select count(*) from catalog.products')).rows[0]?.count;

test('only the allowed number of writes at once pass; the others change nothing and get Retry-After', async () => {
  const answers = await Promise.all(Array.from({ length: 4 * limit }, () => create('busy')));
  const passed = answers.filter(({ status }) => status === 201);
  const refused = answers.filter(({ status }) => status === 429);
  expect([passed.length, refused.length]).toEqual([limit, 3 * limit]);
  expect(await created()).toBe(limit);
  for (const { headers } of answers) {
    expect(headers.get('ratelimit-policy')).toBe(`"default";q=${limit};w=60`);
    expect(headers.get('ratelimit')).toMatch(/^"default";r=\d+;t=\d+$/);
  }
  for (const answer of refused) {
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await answer.json()).toMatchObject({ code: 'rate_limited' });
  }
});

test('every route counts, and each caller has its own limit', async () => {
  const raw = csv(csvRow('IMPORTED'));
  const calls = [
    () => service.call('GET', `/v1/imports/${crypto.randomUUID()}`, { headers: as('other') }),
    () => service.call('GET', `/v1/products/${crypto.randomUUID()}/history`, { headers: as('other') }),
    () => service.call('PATCH', '/v1/settings', { headers: as('other') }),
    () => service.call('DELETE', `/v1/products/${crypto.randomUUID()}`, { headers: as('other') }),
    () => service.call('POST', '/v1/imports', { raw, type: 'text/csv', headers: as('other') }),
  ];
  for (const call of calls) expect((await call()).status).not.toBe(429);
  for (const call of calls) expect((await call()).status).toBe(429);
});

test('the counters are stored under the name of this service, with a TTL', async () => {
  const { redis } = service;
  const keys = await redis.keys('rate:*');
  expect(keys.sort()).toEqual(['rate:catalog-write:caller:busy', 'rate:catalog-write:caller:other']);
  for (const key of keys) expect(await redis.pttl(key)).toBeGreaterThan(0);
});

test('while the state Redis is away, the process counts alone and still writes', async () => {
  await service.stateRedis.kill('SIGKILL');
  for (let count = 0; count < limit; count++) expect((await create('lonely')).status).toBe(201);
  expect((await create('lonely')).status).toBe(429);
  await service.stateRedis.restart();
  await eventually(async () => (await create('later')).status === 201);
});
