import { limits, timings } from '../timings.ts';
import { eventually, startRedis, type RedisServer } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { CacheConnection } from '../redis/cache-connection.ts';
import { Freshness } from '../channel/freshness.ts';
import { createCacheBreaker } from '../redis/cache-breaker.ts';
import { EntryStore } from '../redis/entry-store.ts';
import { GenerationBumper } from './generation-bumper.ts';
import { MonotonicReads } from '../reading/monotonic-reads.ts';
import { ListCache } from './list-cache.ts';

const now = () => performance.now();
let server: RedisServer;
let admin: Redis;
let connection: CacheConnection;
let freshness: Freshness;
let lists: ListCache;
let sequence = 0;
const failed = vi.fn();

beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.url);
});
afterAll(async () => {
  connection.stop();
  admin.disconnect();
  await server.stop();
});

/** As another process has it, but with the same connection. */
const newListCache = (breaker = createCacheBreaker()) =>
  new ListCache('products', {
    store: new EntryStore(connection),
    breaker,
    monotonic: new MonotonicReads(),
    freshness,
    now,
    events: { fillRefused: () => undefined, cacheFailed: failed, loadFailed: failed },
  });

function hearHeartbeat(): void {
  sequence += 1;
  const incarnation = connection.incarnation ?? '';
  freshness.received({ publisher: 'w', sequence, incarnation, watermarkAge_ms: 0 }, now());
}
beforeEach(async () => {
  await admin.flushall();
  connection?.stop();
  connection = new CacheConnection({
    url: server.url,
    name: 'test',
    database: { currentIncarnation: () => Promise.resolve('database') },
    onError: () => undefined,
  });
  await connection.start();
  freshness = new Freshness(now, () => connection.incarnation);
  freshness.subscribed();
  hearHeartbeat();
  lists = newListCache();
});

const get = async (text: string, query: unknown[] = ['page 1']) => {
  hearHeartbeat();
  const { payload, source } = await lists.get(query, () => Promise.resolve(Buffer.from(text)));
  return `${payload?.toString()} (${source})`;
};
const bumper = () => new GenerationBumper(connection, now);

test('callers of one page at one time share one load of it, and of its failure', async () => {
  hearHeartbeat();
  let loads = 0;
  const ask = (query: unknown[], fails = false) =>
    lists.get(query, () => {
      loads += 1;
      return fails ? Promise.reject(new Error('busy')) : Promise.resolve(Buffer.from('shared'));
    });
  const pages = await Promise.all(Array.from({ length: 50 }, () => ask(['hot'])));
  expect([loads, new Set(pages.map(({ payload }) => payload?.toString()))]).toEqual([1, new Set(['shared'])]);
  const failed = await Promise.allSettled([ask(['broken'], true), ask(['broken'], true)]);
  expect([loads, failed.map(({ status }) => status)]).toEqual([2, ['rejected', 'rejected']]);
  await ask(['broken']);
  expect(loads).toBe(3);
});

test('a page is kept until its generation ends; pages of other queries are others', async () => {
  expect(await get('one')).toBe('one (stored)');
  expect(await get('two')).toBe('one (redis)');
  expect(await get('other', ['page 2'])).toBe('other (stored)');
  await bumper().bump('products');
  expect(await get('three')).toBe('three (stored)');
  expect(await get('other again', ['page 2'])).toBe('other again (stored)');
});

test('a page that was read before a bump is not served after it, though it is stored later', async () => {
  await get('zero', ['warm']);
  const slow = lists.get(['page 1'], async () => {
    await bumper().bump('products');
    return Buffer.from('before the change');
  });
  await slow;
  expect(await get('after the change')).toBe('after the change (stored)');
});

test('a lost generation, or one of another incarnation, ends all pages', async () => {
  await get('one');
  await admin.del('generation:products');
  expect(await get('two')).toBe('two (stored)');
  const inherited = await admin.get('generation:products');
  await admin.set('generation:products', `another-incarnation-${inherited}`);
  expect(await get('three')).toBe('three (stored)');
});

test('past the bound a page is read again, and is shown as stale if that fails', async () => {
  await get('one');
  vi.spyOn(performance, 'now').mockReturnValue(now() + timings.bound_ms + 1);
  try {
    const fresh = await lists.get(['page 1'], () => Promise.resolve(Buffer.from('two')));
    expect(fresh.source).toBe('stored');
    const stale = await lists.get(['page 1'], () => Promise.reject(new Error('down')));
    expect(stale).toMatchObject({ source: 'stale', payload: Buffer.from('two') });
    await expect(lists.get(['never seen'], () => Promise.reject(new Error('down')))).rejects.toThrow('down');
  } finally {
    vi.restoreAllMocks();
  }
});

test('without Redis lists come from Postgres', async () => {
  connection.stop();
  expect(await get('one')).toBe('one (bypass)');
  expect(failed).toHaveBeenCalled();
});

test('bumps of one interval are one, and each returns only after one that began after it', async () => {
  const one = bumper();
  await one.bump('products');
  const before = await admin.get('generation:products');
  const bumps = [one.bump('products'), one.bump('products'), one.bump('products')];
  expect(await admin.get('generation:products')).toBe(before);
  await Promise.all(bumps);
  const after = await admin.get('generation:products');
  expect(after).not.toBe(before);
  await one.bump('products');
  expect(await admin.get('generation:products')).not.toBe(after);
});

test('a bump that fails says so, and the next one works', async () => {
  const one = bumper();
  connection.stop();
  await eventually(() => connection.incarnation === undefined);
  await expect(one.bump('products')).rejects.toThrow();
  await connection.start();
  await eventually(() => connection.incarnation !== undefined);
  await one.bump('products');
  expect(await admin.get('generation:products')).not.toBeNull();
});

test('two processes that ask for one page at one time load it once', async () => {
  hearHeartbeat();
  const loaded = Promise.withResolvers<Buffer>();
  const load = vi.fn(() => loaded.promise);
  const first = lists.get(['shared'], load);
  await eventually(() => load.mock.calls.length === 1);
  const second = newListCache().get(['shared'], load);
  loaded.resolve(Buffer.from('page'));
  const sources = (await Promise.all([first, second])).map(({ source }) => source);
  expect([sources, load.mock.calls.length]).toEqual([['stored', 'redis'], 1]);
});

test('while Redis hangs lists go straight to Postgres after a few failures', async () => {
  const breaker = createCacheBreaker();
  const hanging = newListCache(breaker);
  await server.kill('SIGSTOP');
  try {
    for (let page = 0; page < limits.breakerFailures; page++) {
      await hanging.get([page], () => Promise.resolve(Buffer.from('page')));
    }
    expect(breaker.isOpen()).toBe(true);
    failed.mockClear();
    const { source } = await hanging.get(['next'], () => Promise.resolve(Buffer.from('page')));
    expect(source).toBe('bypass');
    expect(String(failed.mock.calls[0]?.[0])).toMatch(/circuit/i);
  } finally {
    await server.kill('SIGCONT');
  }
});
