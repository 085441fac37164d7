/** When Postgres has gone back, a process forgets which versions it has served. */
import type { Entity } from '@catalog/contracts';
import { eventually, type RedisServer, startRedis } from '@catalog/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Cache, createCache } from '../cache.ts';
import { InvalidationPublisher } from '../invalidating/invalidation-publisher.ts';
import { CacheConnection } from '../redis/cache-connection.ts';
import type { EntityCache } from './entity-cache.ts';

const THING: Entity = { name: 'thing', cacheKey: (key) => `thing:${key}`, payloadSchema: 1 };

/** A Postgres that can go back. */
class Primary {
  readonly rows = new Map<string, number>();
  incarnation = 'first';
  hold: Promise<void> | undefined;
  isAway = false;
  readonly #listeners: ((found: { incarnation: string }) => void)[] = [];

  readonly load = async (keys: readonly string[]) => {
    if (this.isAway) throw new Error('connection refused');
    const found = new Map(
      keys.map((key) => {
        const version = this.rows.get(key) ?? 0;
        return [key, { version, body: version === 0 ? null : { version } }] as const;
      }),
    );
    await this.hold;
    return found;
  };

  currentIncarnation(): Promise<string> {
    return Promise.resolve(this.incarnation);
  }

  onIncarnation(listener: (found: { incarnation: string }) => void): void {
    this.#listeners.push(listener);
  }

  /** `isNoticed`: a new session of the reader's pool has found it. */
  goBack(rows: Record<string, number>, isNoticed = true): void {
    this.rows.clear();
    for (const [key, version] of Object.entries(rows)) this.rows.set(key, version);
    this.incarnation = 'second';
    if (!isNoticed) return;
    for (const listener of this.#listeners) listener(this);
  }
}

let server: RedisServer;
let primary: Primary;
let cache: Cache;
let things: EntityCache;
let worker: CacheConnection;
let publisher: InvalidationPublisher;
let beating: NodeJS.Timeout;
/** The invalidated keys that the reader has heard of. */
const heard: string[] = [];
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  primary = new Primary();
  const options = { url: server.url, database: primary, onError: () => undefined };
  worker = new CacheConnection({ ...options, name: 'worker' });
  publisher = new InvalidationPublisher(worker);
  cache = createCache({ ...options, name: 'reader', onInvalidation: (key) => heard.push(key) });
  things = cache.define(THING, primary.load);
  await Promise.all([worker.start(), cache.start()]);
  await worker.redis.flushall();
  beating = setInterval(() => {
    worker
      .time_ms()
      .then((at_ms) => publisher.heartbeat(at_ms))
      .catch(() => undefined);
  }, 50);
  await eventually(() => cache.status().nearCache.isSound);
});
afterEach(async () => {
  clearInterval(beating);
  await cache.stop();
  worker.stop();
});

const read = async (key = 'a') => (await things.get(key)).version;

test('a version that Postgres has lost is no longer served, and the older one is', async () => {
  primary.rows.set('a', 5);
  expect(await read()).toBe(5);
  expect(things.near.get('a')?.version).toBe(5);
  primary.goBack({ a: 3 });
  expect(things.near.get('a')).toBeUndefined();
  expect(await read()).toBe(3);
  await eventually(async () => (await read()) === 3 && things.near.get('a')?.version === 3);
});

test('readers follow when only a heartbeat tells them', async () => {
  primary.rows.set('a', 5);
  expect(await read()).toBe(5);
  primary.goBack({ a: 3 }, false);
  await worker.relearn();
  await eventually(async () => (await read()) === 3);
});

test('a slow load that began before Postgres went back is read again', async () => {
  primary.rows.set('a', 5);
  const held = Promise.withResolvers<void>();
  primary.hold = held.promise;
  // Two callers of one flight.
  const slow = Promise.all([read(), read()]);
  slow.catch(() => undefined);
  await eventually(() => cache.status().loads.keys.running > 0);
  primary.hold = undefined;
  primary.goBack({ a: 3 });
  expect(await read()).toBe(3);
  held.resolve();
  expect(await slow).toEqual([3, 3]);
  expect(await read()).toBe(3);
});

test('a row that was read in another way before Postgres went back is not admitted', async () => {
  const start = things.startPrimaryRead();
  primary.goBack({ a: 3 });
  const lost = { version: 5, payload: Buffer.from('{}') };
  expect(await things.admitPrimaryRead('a', lost, start)).toBeUndefined();
  expect(await read()).toBe(3);
});

test('while Postgres is away after it went back, no lost version is shown as a stale answer', async () => {
  primary.rows.set('a', 5);
  await read();
  primary.isAway = true;
  primary.goBack({ a: 3 });
  await expect(read()).rejects.toThrow();
  primary.isAway = false;
  await eventually(async () => (await read()) === 3);
});

test('a load that fails after Postgres went back leaves no lost version for stale answers', async () => {
  primary.rows.set('a', 5);
  await read();
  // Redis keeps the payload, and the next read loads the key.
  await publisher.invalidate([['thing:a', 6]]);
  await eventually(() => things.near.get('a') === undefined);
  const held = Promise.withResolvers<void>();
  primary.hold = held.promise;
  const slow = read();
  slow.catch(() => undefined);
  await eventually(() => cache.status().loads.keys.running > 0);
  primary.hold = undefined;
  primary.isAway = true;
  primary.goBack({ a: 3 });
  held.reject(new Error('the connection was cut'));
  await expect(slow).rejects.toThrow();
  await expect(read()).rejects.toThrow();
});

test('a forgotten key is read again although a newer version of it was served; other keys stay', async () => {
  primary.rows.set('a', 5).set('b', 7);
  await read('a');
  await read('b');
  primary.rows.set('a', 3);
  const [outcome] = await publisher.forget(['thing:a']);
  expect(outcome).toMatchObject({ status: 'fulfilled', value: true });
  await eventually(async () => (await read('a')) === 3);
  expect(things.near.get('b')?.version).toBe(7);
});

test('a load that began before its key was forgotten is read again', async () => {
  primary.rows.set('a', 5);
  const held = Promise.withResolvers<void>();
  primary.hold = held.promise;
  const slow = read();
  await eventually(() => cache.status().loads.keys.running > 0);
  primary.hold = undefined;
  primary.rows.set('a', 3);
  heard.length = 0;
  await publisher.forget(['thing:a']);
  // The reader forgets the key in the same turn in which it hears the message.
  await eventually(() => heard.includes('thing:a'));
  held.resolve();
  expect(await slow).toBe(3);
});

test('after everything is forgotten, any key may be answered with an older version than before', async () => {
  primary.rows.set('a', 5).set('b', 7);
  await read('a');
  await read('b');
  primary.rows.set('a', 3).set('b', 2);
  await worker.redis.flushall();
  await publisher.forgetAll();
  await eventually(async () => (await read('a')) === 3);
  expect(await read('b')).toBe(2);
});
