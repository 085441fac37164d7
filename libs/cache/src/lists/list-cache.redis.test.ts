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
import { TurnReads } from '../reading/turn-reads.ts';
import { onlyShard } from '../shards/router.ts';
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
    shards: onlyShard({
      store: new EntryStore(connection),
      reads: new TurnReads({ connection, breaker, freshness }),
      breaker,
      freshness,
    }),
    monotonic: new MonotonicReads(),
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

const read = async (text: string, query: unknown[] = ['page 1']) =>
  (await lists.kept(query)) ?? lists.get(query, () => Promise.resolve(Buffer.from(text)));
const get = async (text: string, query?: unknown[]) => {
  hearHeartbeat();
  const { payload, source } = await read(text, query);
  return `${payload?.toString()} (${source})`;
};
/** Ends pages at once, unless it knows how old the changes are. */
const bumper = (behind_ms?: number) =>
  new GenerationBumper({ onShard: (_key, call) => call(connection), now, behind_ms: () => behind_ms });

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

test('a page is kept until its generation ends; other queries have their own pages', async () => {
  expect(await get('one')).toBe('one (stored)');
  expect(await get('two')).toBe('one (redis)');
  expect(await get('other', ['page 2'])).toBe('other (stored)');
  await bumper().bump('products');
  expect(await get('three')).toBe('three (stored)');
  expect(await get('other again', ['page 2'])).toBe('other again (stored)');
});

/** A page that this process keeps, because it has read it from Redis. */
async function keepPage(): Promise<void> {
  await get('one');
  expect(await get('two')).toBe('one (redis)');
  expect(await get('three')).toBe('one (near)');
}

test('a page in this process ends with its generation', async () => {
  await keepPage();
  await bumper().bump('products');
  expect(await get('four')).toBe('four (stored)');
  expect(await get('five')).toBe('four (redis)');
  await admin.del('generation:products');
  expect(await get('six')).toBe('six (stored)');
});

test('a page in this process ends when the next generation begins, though nobody says so then', async () => {
  await keepPage();
  await bumper(0).bump('products');
  expect(await get('four')).toBe('one (near)');
  await eventually(async () => (await get('five')) !== 'one (near)', { interval_ms: 20 });
  expect(await get('six')).toBe('five (redis)');
});

test('a page in this process counts no longer than Redis itself', async () => {
  await keepPage();
  const inherited = await admin.get('generation:products');
  await admin.set('generation:products', `another-incarnation-${inherited}`);
  expect(await get('four')).toBe('four (stored)');
  await get('five');
  vi.spyOn(performance, 'now').mockReturnValue(now() + timings.bound_ms + 1);
  try {
    expect((await read('six')).source).toBe('stored');
  } finally {
    vi.restoreAllMocks();
  }
  connection.stop();
  expect(await get('seven')).toBe('seven (bypass)');
});

test('while the generation is set aside, no page counts', async () => {
  await keepPage();
  sequence += 1;
  const setAside = { keys: ['generation:products'], entities: [] };
  const incarnation = connection.incarnation ?? '';
  freshness.received({ publisher: 'w', sequence, incarnation, watermarkAge_ms: 0, setAside }, now());
  expect([(await read('new')).source, (await read('new')).source]).toEqual(['stored', 'stored']);
});

test('a page is kept for its whole time only from the second time that it is asked for', async () => {
  const ttl_ms = async () => {
    const [key = ''] = await admin.keys('list:*');
    return admin.pttl(key);
  };
  await get('one');
  expect(await ttl_ms()).toBeLessThanOrEqual(timings.listFirstTtl_ms);
  await admin.del(await admin.keys('list:*'));
  await get('two');
  expect(await ttl_ms()).toBeGreaterThan(0.8 * timings.listTtl_ms);
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

test('a page that is read twice in one millisecond is stored both times', async () => {
  const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now());
  try {
    await get('one');
    vi.spyOn(performance, 'now').mockReturnValue(now() + timings.bound_ms + 1);
    expect(await read('two')).toMatchObject({ source: 'stored' });
  } finally {
    clock.mockRestore();
    vi.restoreAllMocks();
  }
});

test('without Redis lists come from Postgres', async () => {
  connection.stop();
  expect(await get('one')).toBe('one (bypass)');
  expect(failed).toHaveBeenCalled();
});

test('while products change sixty times a second, two processes load a page about once a second', async () => {
  const other = newListCache();
  let loads = 0;
  const load = () => {
    loads += 1;
    return Promise.resolve(Buffer.from('page'));
  };
  const began_ms = now();
  const seconds = () => (now() - began_ms) / 1_000;
  let slow = 0;
  let changes = 0;
  const change = setInterval(() => {
    changes += 1;
    void bumper(100).bump('products');
  }, 1_000 / 60);
  try {
    while (seconds() < 2.5) {
      hearHeartbeat();
      const asked_ms = now();
      await Promise.all([lists.get(['hot'], load), other.get(['hot'], load)]);
      if (now() - asked_ms > timings.leaseWait_ms) slow += 1;
      // At most 200 reads a second.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  } finally {
    clearInterval(change);
  }
  expect(changes).toBeGreaterThan(60);
  // One load for each generation. The first generation and the last one are not whole. On a busy machine the holder of the lease
  // may take longer than the other process waits for it.
  const generations = Math.ceil((seconds() * 1_000) / timings.generationBump_ms) + 1;
  expect(loads).toBeGreaterThan(1);
  expect(loads).toBeLessThanOrEqual(generations + slow);
});

test('a page ends even if the process that changed its list is gone, and further changes do not delay the end', async () => {
  await get('before');
  const began_ms = now();
  await bumper(0).bump('products');
  expect(await get('after')).toBe('before (redis)');
  await bumper(0).bump('products');
  await eventually(async () => !(await get('after')).startsWith('before'), { interval_ms: 20 });
  expect(now() - began_ms).toBeLessThan(timings.bound_ms);
});

test('the later a change was applied, the sooner its pages end', async () => {
  await get('before');
  await bumper(timings.bound_ms).bump('products');
  expect(await get('after')).toBe('after (stored)');
});

test('a bump through a slow Redis ends the pages within the bound', async () => {
  await get('before');
  let clock_ms = 0;
  // Each time the clock is read it is 900 ms later, as if the call had taken that long.
  const slow = new GenerationBumper({
    onShard: (_key, call) => call(connection),
    now: () => (clock_ms += 900),
    behind_ms: () => 500,
  });
  await slow.bump('products');
  expect(await get('after')).toBe('after (stored)');
});

test('a clock of Redis that is set back does not delay the end of pages', async () => {
  await get('before');
  const hour_ms = 3_600_000;
  await bumper(0).bump('products');
  const [current = '', began, next = '', ends] = (await admin.get('generation:products'))?.split('|') ?? [];
  await admin.set(
    'generation:products',
    [current, Number(began) + hour_ms, next, Number(ends) + hour_ms].join('|'),
  );
  expect(await get('after')).toBe('after (stored)');
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
