import { CatalogError, type Entity } from '@catalog/contracts';
import { timings } from '../timings.ts';
import { eventually, startRedis, type RedisServer } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { InvalidationPublisher } from '../invalidating/invalidation-publisher.ts';
import { BatchLoader, type PayloadLoader } from './batch-loader.ts';
import { type CacheBreaker, createCacheBreaker } from '../redis/cache-breaker.ts';
import { CacheConnection } from '../redis/cache-connection.ts';
import { EntityCache } from './entity-cache.ts';
import { EntryStore, type PrimaryRead } from '../redis/entry-store.ts';
import { Freshness } from '../channel/freshness.ts';
import { createLoadGuard } from './load-guard.ts';
import { MonotonicReads } from './monotonic-reads.ts';
import { onlyShard } from '../shards/router.ts';
import { TurnReads } from './turn-reads.ts';
import { NearCache } from '../near-cache/near-cache.ts';

const THING: Entity = { name: 'thing', cacheKey: (key) => `thing:${key}`, payloadSchema: 1 };

let server: RedisServer;
let admin: Redis;
/** The rows of the primary, the queries that it got, and the promise that it waits for before it answers. */
let rows: Map<string, PrimaryRead>;
let queries: string[][];
let primaryFails: boolean;
/** The incarnation of the primary. */
let database: string;
let holdAnswers: Promise<void> | undefined;
let holdRedis: Promise<void> | undefined;
let redisAnswers = 0;
/** Added to the clock of all readers, as if they had been paused. */
let paused_ms: number;
const now = () => performance.now() + paused_ms;
const readers: Reader[] = [];

const load: PayloadLoader = async (keys) => {
  queries.push([...keys]);
  if (primaryFails) throw new Error('connection refused');
  const found = new Map(keys.map((key) => [key, rows.get(key) ?? { version: 0, payload: null }]));
  await holdAnswers;
  return found;
};

class Reader {
  readonly refused: string[] = [];
  #sequence = 0;
  readonly connection: CacheConnection;
  readonly freshness: Freshness;
  readonly near: NearCache;
  readonly store: EntryStore;
  readonly cache: EntityCache;

  constructor({ url = server.url, remembered = 1_000, near_bytes = 1_000_000 } = {}) {
    this.connection = new CacheConnection({
      url,
      name: 'reader',
      database: {
        currentIncarnation: () =>
          primaryFails ? Promise.reject(new Error('connection refused')) : Promise.resolve(database),
      },
      onError: () => undefined,
    });
    this.freshness = new Freshness(now, () => this.connection.incarnation);
    this.near = new NearCache(now, { maxBytes: near_bytes });
    this.store = new EntryStore(this.connection);
    const monotonic = new MonotonicReads(remembered);
    this.connection.onIncarnation((incarnation) => {
      if (incarnation !== undefined) monotonic.prove(incarnation);
    });
    const real = createCacheBreaker();
    const breaker: CacheBreaker = {
      isOpen: () => real.isOpen(),
      execute: async (call) => {
        const answer = await real.execute(call);
        redisAnswers += 1;
        await holdRedis;
        return answer;
      },
    };
    this.cache = new EntityCache(THING, new BatchLoader(load, createLoadGuard()), {
      shards: onlyShard({
        store: this.store,
        reads: new TurnReads({ connection: this.connection, breaker, freshness: this.freshness }),
        breaker,
        freshness: this.freshness,
      }),
      near: this.near,
      monotonic,
      now,
      events: {
        fillRefused: (entity) => this.refused.push(entity),
        overtaken: () => undefined,
        cacheFailed: () => undefined,
        loadFailed: () => undefined,
      },
    });
  }

  async start(): Promise<this> {
    readers.push(this);
    await this.connection.start();
    this.freshness.subscribed();
    this.hear();
    return this;
  }

  hear(watermarkAge_ms = 0): void {
    this.#sequence += 1;
    const incarnation = this.connection.incarnation ?? '';
    this.freshness.received(
      { publisher: 'w', sequence: this.#sequence, incarnation, watermarkAge_ms },
      now(),
    );
  }

  async read(key: string, minVersion = 0): Promise<string> {
    this.hear();
    const { version, source, payload } = await this.cache.get(key, { minVersion });
    return `${version} ${source}${payload === null ? ' missing' : ''}`;
  }

  /** As the worker does, but heard by this reader alone. */
  async change(key: string, version: number): Promise<void> {
    await new InvalidationPublisher(this.connection).invalidate([[THING.cacheKey(key), version]]);
    this.near.invalidate(THING.cacheKey(key), version);
  }
}

const write = (key: string, version: number) =>
  rows.set(key, { version, payload: Buffer.from(`{"v":${version}}`) });
/** Answers of the primary wait until the returned function is called. */
function hold(): () => void {
  let go: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (go = resolve));
  holdAnswers = held;
  return () => {
    if (holdAnswers === held) holdAnswers = undefined;
    go();
  };
}

beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.url);
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});
beforeEach(async () => {
  rows = new Map();
  queries = [];
  primaryFails = false;
  database = 'database';
  holdAnswers = undefined;
  holdRedis = undefined;
  paused_ms = 0;
  await admin.flushall();
});
afterEach(() => {
  for (const { connection } of readers.splice(0)) connection.stop();
});

test('a miss is loaded and stored; then the near cache answers, and Redis for others', async () => {
  write('a', 3);
  const [one, two] = [await new Reader().start(), await new Reader().start()];
  expect(await one.read('a')).toBe('3 stored');
  expect(await one.read('a')).toBe('3 near');
  expect(await two.read('a')).toBe('3 redis');
  expect(queries).toEqual([['a']]);
});

test('many callers of one key are one flight, many keys one query', async () => {
  for (const key of ['a', 'b', 'c']) write(key, 1);
  const one = await new Reader().start();
  const keys = ['a', 'b', 'c', 'a', 'b', 'c', 'a'];
  await Promise.all(keys.map((key) => one.read(key)));
  expect(queries.flat().toSorted()).toEqual(['a', 'b', 'c']);
  expect(queries.length).toBeLessThanOrEqual(3);
});

test('absence is cached, and ends with the row that appears', async () => {
  const one = await new Reader().start();
  expect(await one.read('a')).toBe('0 stored missing');
  expect(await one.read('a')).toBe('0 near missing');
  write('a', 4);
  await one.change('a', 4);
  expect(await one.read('a')).toBe('4 stored');
});

test('an entry that is due is served, and one reader refreshes it meanwhile', async () => {
  write('a', 3);
  const one = await new Reader().start();
  const { grant } = await one.store.readOrLease('thing:a', 1, 'x');
  const loaded = { version: 3, payload: Buffer.from('{"v":3}') };
  await one.store.fill('thing:a', 1, grant, loaded, 300);
  await eventually(async () => ((await one.store.inspect('thing:a')).freshFor_ms ?? 0) < 25);
  expect(await one.read('a')).toMatch(/^3 (?:redis|stored)$/);
  await eventually(async () => ((await one.store.inspect('thing:a')).freshFor_ms ?? 0) > 1_000_000);
  expect(queries).toEqual([['a']]);
});

test('while Postgres is away, cached entries are served, ended ones are marked stale, and other reads are 503', async () => {
  write('a', 3);
  const one = await new Reader().start();
  await one.read('a');
  primaryFails = true;
  expect(await one.read('a')).toBe('3 near');
  await one.change('a', 4);
  expect(await one.read('a')).toBe('3 stale');
  await expect(one.read('b')).rejects.toMatchObject({ code: 'unavailable', retryAfterSeconds: 1 });
});

test('a reader that starts while Postgres is away serves what Redis holds, marked stale', async () => {
  write('a', 3);
  expect(await (await new Reader().start()).read('a')).toBe('3 stored');
  primaryFails = true;
  const late = await new Reader().start();
  expect(late.connection.incarnation).toBeUndefined();
  // More often than the breaker of Redis allows failures.
  for (let read = 0; read < 10; read++) expect(await late.read('a')).toBe('3 stale');
  await expect(late.read('never cached')).rejects.toMatchObject({ code: 'unavailable' });
  await expect(late.read('a', 4)).rejects.toMatchObject({ code: 'unavailable' });
  primaryFails = false;
  await eventually(() => late.connection.incarnation !== undefined);
  expect(await late.read('a')).toBe('3 redis');
});

test('a stale version of an incarnation that has ended does not count once the incarnation is known', async () => {
  write('a', 15);
  expect(await (await new Reader().start()).read('a')).toBe('15 stored');
  primaryFails = true;
  const late = await new Reader().start();
  expect(await late.read('a')).toBe('15 stale');
  // Postgres comes back without its last commits.
  write('a', 11);
  database = 'restored';
  primaryFails = false;
  await eventually(() => late.connection.incarnation !== undefined);
  expect(await late.read('a')).toBe('11 stored');
});

test('a stale answer is never older than a served version, even if that version was forgotten', async () => {
  write('a', 3);
  const one = await new Reader({ remembered: 1 }).start();
  await one.read('a');
  await one.change('a', 4);
  write('a', 4);
  expect(await one.read('a')).toBe('4 stored');
  // Now its version is forgotten.
  expect(await one.read('b')).toBe('0 stored missing');
  expect(await one.read('c')).toBe('0 stored missing');
  await admin.flushall();
  one.near.forget('thing:a');
  const { grant } = await one.store.readOrLease('thing:a', 1, 'x');
  await one.store.fill('thing:a', 1, grant, { version: 3, payload: Buffer.from('{}') }, 60_000);
  await one.change('a', 4);
  primaryFails = true;
  await expect(one.read('a')).rejects.toBeInstanceOf(CatalogError);
});

test('past the bound, Postgres is read; if it cannot answer, the cached answer is marked stale', async () => {
  write('a', 3);
  const one = await new Reader().start();
  await one.read('a');
  paused_ms += timings.bound_ms + 1;
  const { source } = await one.cache.get('a');
  expect(source).toBe('bypass');
  primaryFails = true;
  expect((await one.cache.get('a')).source).toBe('stale');
  primaryFails = false;
  expect(await one.read('a')).toMatch(/^3 (?:near|redis)$/);
});

test('a heartbeat heard while Redis answers does not make that answer fresh', async () => {
  write('a', 3);
  const [one, other] = [await new Reader().start(), await new Reader().start()];
  await other.read('a');
  write('a', 4);
  paused_ms += timings.bound_ms + 1;
  const answersBefore = redisAnswers;
  let answerArrives: () => void = () => undefined;
  holdRedis = new Promise((resolve) => (answerArrives = resolve));
  const reading = one.cache.get('a');
  await eventually(() => redisAnswers > answersBefore);
  holdRedis = undefined;
  await other.change('a', 4);
  one.hear();
  answerArrives();
  expect((await reading).version).toBe(4);
});

test('with Redis gone reads come from Postgres, and Redis is used again when it is back', async () => {
  await using other = await startRedis();
  write('a', 3);
  const one = await new Reader({ url: other.url }).start();
  await other.kill('SIGKILL');
  await eventually(() => one.connection.incarnation === undefined);
  expect(await one.read('a')).toBe('3 bypass');
  await other.restart();
  await eventually(async () => /(?:redis|stored|near)$/.test(await one.read('a')));
});

test('a read that asks for a version skips every cache that holds less', async () => {
  write('a', 3);
  const one = await new Reader().start();
  await one.read('a');
  write('a', 4);
  expect(await one.read('a')).toBe('3 near');
  expect(await one.read('a', 4)).toBe('4 stored');
  expect(await one.read('a')).toBe('4 near');
  expect(await one.read('a', 5)).toMatch(/^4 /);
  const refusal = new Error('too often');
  const refuse = () => {
    throw refusal;
  };
  await expect(one.cache.get('a', { minVersion: 5, beforeBypass: refuse })).rejects.toBe(refusal);
});

test('a paused reader that fills after an invalidation is refused, even if the key was flushed meanwhile', async () => {
  write('a', 3);
  const [slow, other] = [await new Reader().start(), await new Reader().start()];
  const go = hold();
  const reading = slow.read('a');
  await eventually(() => queries.length === 1);
  write('a', 4);
  await other.change('a', 4);
  await admin.flushall();
  go();
  expect(await reading).toBe('3 bypass');
  expect(slow.refused).toHaveLength(1);
  expect(await other.read('a')).toBe('4 stored');
});

test('an answer that is overtaken during its read is read again, until it is new enough', async () => {
  write('a', 3);
  const one = await new Reader().start();
  const go = hold();
  const reading = one.read('a');
  await eventually(() => queries.length === 1);
  holdAnswers = undefined;
  write('a', 4);
  // So much later that this read does not join the slow one.
  paused_ms += timings.flightJoin_ms + 1;
  expect(await one.read('a')).toMatch(/^4 /);
  go();
  expect(await reading).toMatch(/^4 /);
});

test('after a pause nobody joins a read that began before it', async () => {
  write('a', 3);
  const one = await new Reader().start();
  const go = hold();
  const before = one.cache.get('a');
  await eventually(() => queries.length === 1);
  write('a', 4);
  holdAnswers = undefined;
  paused_ms += 60_000;
  expect((await one.cache.get('a')).version).toBe(4);
  go();
  expect((await before).version).toBe(4);
});

test('an admitted primary read ends the older entry in the near cache', async () => {
  write('a', 3);
  const one = await new Reader().start();
  await one.read('a');
  const loaded = { version: 4, payload: Buffer.from('{"v":4}') };
  write('a', 4);
  expect(await one.cache.admitPrimaryRead('a', loaded, one.cache.startPrimaryRead())).toMatchObject({
    version: 4,
  });
  expect(await one.read('a')).toMatch(/^4 /);
  expect(
    await one.cache.admitPrimaryRead('a', { version: 3, payload: null }, one.cache.startPrimaryRead()),
  ).toBeUndefined();
});

test('an overtaken answer is not kept, even after the newer entry was evicted', async () => {
  write('a', 3);
  write('b', 1);
  const one = await new Reader({ near_bytes: 500 }).start();
  const go = hold();
  const slow = one.cache.get('a');
  await eventually(() => queries.length === 1);
  holdAnswers = undefined;
  write('a', 4);
  // So much later that this read does not join the slow one.
  paused_ms += timings.flightJoin_ms + 1;
  expect(await one.read('a')).toMatch(/^4 /);
  expect([await one.read('b'), await one.read('b')]).toEqual(['1 stored', '1 redis']);
  expect(one.cache.near.get('a')).toBeUndefined();
  const goAgain = hold();
  go();
  await eventually(() => queries.length === 4);
  expect(one.cache.near.get('a')).toBeUndefined();
  goAgain();
  expect((await slow).version).toBe(4);
});
