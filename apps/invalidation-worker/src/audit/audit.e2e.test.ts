import { CacheConnection, EntryStore } from '@catalog/cache/worker';
import { type AuditResult, auditResultSchema, problemSchema, wrongEntriesSchema } from '@catalog/contracts';
import { confirmPrimary, withTransaction } from '@catalog/database';
import { eventually } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { type RunningWorker, startStores, startWorker } from '../testing/running-worker.ts';
import { auditPatience_ms } from './auditor.ts';

const stores = await startStores();
const { reader, owner } = stores;
// The background audit is so slow that each test starts its own.
const worker = await startWorker(stores);
await worker.ready();
const redis = new Redis(stores.cacheRedis.url);
afterAll(async () => {
  redis.disconnect();
  await worker[Symbol.asyncDispose]();
  await stores[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await redis.flushall();
});

async function audit(on: RunningWorker = worker): Promise<AuditResult> {
  const response = await on.call('POST', '/v1/audits');
  expect(response.status).toBe(200);
  return auditResultSchema.parse(await response.json());
}

async function wrongEntries(query = '') {
  const response = await worker.call('GET', `/v1/audits${query}`);
  return wrongEntriesSchema.parse(await response.json()).data;
}

async function cachedProducts(count: number) {
  const ids = await stores.insertProducts(count);
  await stores.settled();
  return Promise.all(
    ids.map(async (id) => ({ id, key: `product:${id}`, version: await reader.fill(`product:${id}`) })),
  );
}

/** Changes the entry by hand, in a way that no part of the system would. */
async function tamper(key: string, change: { version?: number; payload?: string }): Promise<void> {
  const raw = (await redis.get(key)) ?? '';
  const end = raw.indexOf('\n');
  const header = raw.slice(0, end).split('|');
  if (change.version !== undefined) header[2] = String(change.version);
  await redis.set(key, `${header.join('|')}\n${change.payload ?? raw.slice(end + 1)}`, 'KEEPTTL');
}

test('an audit of a cache without errors finds nothing wrong', async () => {
  await cachedProducts(120);
  const [first] = await cachedProducts(1);
  const { rows } = await owner.query<{ sku: string }>('select sku from catalog.products where id = $1', [
    first?.id,
  ]);
  await reader.fill(`sku:${rows[0]?.sku}`);
  await reader.fill('sku:no such sku');
  await reader.fill('app:settings');
  await reader.fill('product:00000000-0000-7000-8000-000000000000');
  expect(await audit()).toMatchObject({
    checked: 125,
    right: 125,
    wrong: { older: 0, newer: 0, other: 0 },
    undecided: 0,
    repaired: 0,
    nines: 1.62,
  });
});

test('entries changed by hand, to an older or newer version or to other content, are found and repaired', async () => {
  const [older, newer, other, right] = await cachedProducts(4);
  if (!older || !newer || !other || !right) throw new Error('four were asked for');
  await tamper(older.key, { version: older.version - 1, payload: '{"name":"before"}' });
  // A version that Postgres has drawn for another key.
  await tamper(newer.key, { version: newer.version + 1 });
  await tamper(other.key, { payload: '{"name":"never"}' });
  const result = await audit();
  expect(result).toMatchObject({
    checked: 4,
    right: 1,
    wrong: { older: 1, newer: 1, other: 1 },
    repaired: 3,
  });
  const named = new Map(result.entries.map((entry) => [entry.key, entry]));
  expect(named.get(older.key)).toMatchObject({
    difference: 'older',
    cachedVersion: older.version - 1,
    version: older.version,
    isRepaired: true,
  });
  expect(named.get(newer.key)).toMatchObject({ difference: 'newer', members: [] });
  expect(named.get(other.key)).toMatchObject({ difference: 'other' });
  expect(named.get(other.key)?.members).toContain('priceMinor');
  expect(Date.parse(named.get(other.key)?.wrongSince ?? '')).toBeLessThanOrEqual(
    Date.parse(named.get(other.key)?.foundAt ?? ''),
  );
  expect((await wrongEntries()).map(({ key }) => key).slice(0, 3)).toEqual(
    result.entries.map(({ key }) => key),
  );
  expect((await wrongEntries(`?key=${other.key}`)).map(({ key }) => key)).toEqual([other.key]);
  for (const { key, version } of [older, newer, other]) {
    expect(await reader.state(key)).toEqual({ state: 'value', version });
    expect(reader.heard.map(([heard]) => heard)).toContain(key);
  }
  expect(await audit()).toMatchObject({ checked: 4, right: 4 });
  expect(await worker.metric('audited_entries_total{outcome="newer"')).toBe(1);
});

test('one key is audited alone, and other wrong entries stay as they are', async () => {
  const [one, two] = await cachedProducts(2);
  if (!one || !two) throw new Error('two were asked for');
  for (const { key } of [one, two]) await tamper(key, { payload: '{"name":"never"}' });
  const auditOne = async () => {
    const response = await worker.call('POST', `/v1/audits?key=${one.key}`);
    return auditResultSchema.parse(await response.json());
  };
  expect(await auditOne()).toMatchObject({
    checked: 1,
    wrong: { other: 1 },
    entries: [{ key: one.key, isRepaired: true }],
  });
  expect(await redis.get(two.key)).toContain('never');
  expect(await auditOne()).toMatchObject({ checked: 1, right: 1, entries: [] });
  await redis.del(one.key);
  expect(await auditOne()).toMatchObject({ checked: 0, right: 0 });
});

test('a SKU that points to the wrong product is found, although its versions give no order', async () => {
  const [one, two] = await cachedProducts(2);
  const { rows } = await owner.query<{ sku: string }>('select sku from catalog.products where id = $1', [
    one?.id,
  ]);
  const key = `sku:${rows[0]?.sku}`;
  await reader.fill(key);
  await tamper(key, { payload: JSON.stringify({ id: two?.id }) });
  expect(await audit()).toMatchObject({ checked: 3, right: 2, wrong: { other: 1 }, repaired: 1 });
  expect(await redis.get(key)).toContain(one?.id);
});

test('the time for which an entry was wrong is counted', async () => {
  const [product] = await cachedProducts(1);
  const { key = '', id, version = 0 } = product ?? {};
  // An old value, and a change from an hour ago.
  const raw = (await redis.get(key)) ?? '';
  await owner.query(`update catalog.outbox set changed_at = changed_at - interval '1 hour' where key = $1`, [
    id,
  ]);
  const header = raw.slice(0, raw.indexOf('\n')).split('|');
  header[2] = String(version - 1);
  header[3] = String(Number(header[3]) - 65_000);
  await redis.set(key, `${header.join('|')}\n${raw.slice(raw.indexOf('\n') + 1)}`);
  expect((await audit()).wrongFor).toEqual([
    { atLeastSeconds: 1, entries: 1 },
    { atLeastSeconds: 10, entries: 1 },
    { atLeastSeconds: 60, entries: 1 },
    { atLeastSeconds: 300, entries: 0 },
  ]);
});

test('a change in progress raises no false alarm', async () => {
  const products = await cachedProducts(50);
  const ids = products.map(({ id }) => id);
  const done = new AbortController();
  const edits = (async () => {
    for (let n = 0; !done.signal.aborted; n += 1) {
      await owner.query('update catalog.products set name = $2 where id = any ($1)', [ids, `Lamp ${n}`]);
    }
  })();
  const results: AuditResult[] = [];
  for (let audits = 0; audits < 5; audits += 1) results.push(await audit());
  done.abort();
  await edits;
  await stores.settled();
  expect(results.map(({ wrong }) => wrong)).toEqual(results.map(() => ({ older: 0, newer: 0, other: 0 })));
  expect(results.some(({ right }) => right > 0)).toBe(true);
});

test(
  'while the feed is behind, an audit counts entries as undecided and repairs nothing',
  async () => {
    const [product] = await cachedProducts(1);
    const { key = '', id, version } = product ?? {};
    // Committed, and claimed by a relay that died at once.
    await withTransaction(owner, async (client) => {
      await client.query(`update catalog.products set name = 'Torch' where id = $1`, [id]);
      await client.query(
        `update catalog.outbox set dispatched_at = clock_timestamp() + interval '1 hour'
         where key = $1 and applied_at is null`,
        [id],
      );
    });
    try {
      // The worker may have refreshed other keys for the test before.
      expect(await audit()).toMatchObject({ undecided: 1, repaired: 0 });
      expect(await reader.state(key)).toEqual({ state: 'value', version });
    } finally {
      await owner.query('update catalog.outbox set dispatched_at = null where applied_at is null');
      await stores.settled();
    }
  },
  auditPatience_ms + 20_000,
);

test('the background audit finds a changed entry and counts it', async () => {
  const before = await worker.metric('audited_entries_total{outcome="newer"');
  await using busy = await startWorker(stores, { auditKeysPerSecond: 1_000 });
  const products = await cachedProducts(30);
  const planted = products[7];
  if (planted === undefined) throw new Error('thirty were asked for');
  await tamper(planted.key, { version: planted.version + 5 });
  await eventually(async () => (await reader.state(planted.key)).version === planted.version, {
    timeout_ms: 10_000,
  });
  // The other worker audits too, slowly, and may have found it first.
  const newer = 'audited_entries_total{outcome="newer"';
  await eventually(async () => (await busy.metric(newer)) + (await worker.metric(newer)) > before);
  expect(await busy.metric('audited_entries_total{outcome="right"')).toBeGreaterThanOrEqual(29);
  expect(await busy.metric('audit_nines')).toBeGreaterThan(0);
  expect(busy.log() + worker.log()).toContain('the auditor found a wrong entry in the cache');
});

test('a version that somebody wrote into an entry does not become the next version of the catalog', async () => {
  const lastVersion = async () =>
    (await owner.query<{ last: number }>('select last_value as last from catalog.versions')).rows[0]?.last ??
    0;
  const [product] = await cachedProducts(1);
  if (product === undefined) throw new Error('one was asked for');
  const before = await lastVersion();
  // Beyond it, a new incarnation would leave no versions.
  await tamper(product.key, { version: Number.MAX_SAFE_INTEGER - 2 ** 36 - 2 });
  expect(await audit()).toMatchObject({ wrong: { newer: 1 } });
  expect(await lastVersion()).toBe(before);
  expect(await reader.state(product.key)).toMatchObject({ version: product.version });
  expect(worker.log()).toContain('somebody wrote the entry');
});

test('entries of another incarnation are never served, so they are not audited', async () => {
  const connection = new CacheConnection({
    url: stores.cacheRedis.url,
    name: 'another incarnation',
    database: { currentIncarnation: async () => `${(await confirmPrimary(owner)).incarnation} restored` },
    onError: () => undefined,
  });
  await connection.start();
  const store = new EntryStore(connection);
  const { grant } = await store.readOrLease('product:x', 1, 'token');
  await store.fill('product:x', 1, grant, { version: 9, payload: Buffer.from('{}') }, 60_000);
  connection.stop();
  expect((await audit()).checked).toBe(0);
});

test('a second audit at the same time is refused, and so is one without the scope', async () => {
  await cachedProducts(300);
  const [one, two] = await Promise.all([
    worker.call('POST', '/v1/audits'),
    worker.call('POST', '/v1/audits'),
  ]);
  const statuses = [one.status, two.status].toSorted((a, b) => a - b);
  expect(statuses).toEqual([200, 409]);
  const refused = one.status === 409 ? one : two;
  expect(problemSchema.parse(await refused.json()).code).toBe('conflict');
  const wrongScope = stores.tokens.sign({ aud: 'invalidation-worker', scope: 'catalog:read' });
  const wrongAudience = stores.tokens.sign({ aud: 'catalog-read', scope: 'catalog:operate' });
  expect((await worker.call('POST', '/v1/audits', { token: null })).status).toBe(401);
  expect((await worker.call('POST', '/v1/audits', { token: wrongAudience })).status).toBe(401);
  expect((await worker.call('POST', '/v1/audits', { token: wrongScope })).status).toBe(403);
  expect((await worker.call('POST', '/v1/audits?fast=1')).status).toBe(400);
});

test('a version that Postgres never drew shows that Postgres went back: another incarnation begins', async () => {
  const [one, two] = await cachedProducts(2);
  if (!one || !two) throw new Error('two were asked for');
  const incarnations = 'postgres_incarnations_total{timeline="same"';
  const before = await worker.metric(incarnations);
  const lost = one.version + 1_000_000;
  await tamper(one.key, { version: lost });
  await audit();
  await eventually(async () => (await worker.metric(incarnations)) > before);
  const { rows } = await owner.query<{ last: number }>('select last_value as last from catalog.versions');
  expect(rows[0]?.last).toBeGreaterThan(lost);
  // No entry of before is served, whichever key it belongs to.
  await eventually(async () => (await reader.store.readOrLease(two.key, 1, 'x')).state === 'absent');
  expect(worker.log()).toContain('the cache holds a version that Postgres never drew');
});
