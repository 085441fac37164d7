/**
 * A reader has read Postgres and not yet filled Redis. In this gap the key is changed, lost, or both. The seed decides the
 * order of events in many such schedules. After none of them may Redis hold the value that the reader had read.
 */
import type { Entity } from '@catalog/contracts';
import { startRedis, type RedisServer } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCacheBreaker } from '../redis/cache-breaker.ts';
import { CacheConnection } from '../redis/cache-connection.ts';
import { InvalidationPublisher } from '../invalidating/invalidation-publisher.ts';
import { EntityCache } from './entity-cache.ts';
import { EntryStore, type PrimaryRead } from '../redis/entry-store.ts';
import { Freshness } from '../channel/freshness.ts';
import { onlyShard } from '../shards/router.ts';
import { TurnReads } from './turn-reads.ts';
import { MonotonicReads } from './monotonic-reads.ts';
import { NearCache } from '../near-cache/near-cache.ts';
import { scripts } from '../redis/scripts.ts';

const THING: Entity = { name: 'thing', cacheKey: (key) => `thing:${key}`, payloadSchema: 1 };
/** Schedules that are in the gap at the same time. So few that they end long before a lease does. */
const batch = 100;
const schedules = Number(process.env['LATE_FILL_SCHEDULES'] ?? 2_000);
const seed = Number(process.env['LATE_FILL_SEED'] ?? 7);

/** commit: Postgres has the next version · invalidate: the worker applies it · other: another reader comes by */
type Step = 'commit' | 'invalidate' | 'del' | 'other';
type EvalBuffer = (text: string, keyCount: number, ...rest: unknown[]) => Promise<unknown>;

let server: RedisServer;
let admin: Redis;
beforeAll(async () => {
  server = await startRedis();
  admin = new Redis(server.url);
});
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

/** The same numbers for the same seed (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

async function startReader(load: (key: string) => Promise<PrimaryRead>, fillScript = scripts.fill.text) {
  const connection = new CacheConnection({
    url: server.url,
    name: 'reader',
    database: { currentIncarnation: () => Promise.resolve('database') },
    // A schedule with a call that timed out would not test anything.
    call_ms: 20_000,
    onError: () => undefined,
  });
  await connection.start();
  const real = connection.redis as unknown as { evalshaBuffer: EvalBuffer; evalBuffer: EvalBuffer };
  const redis = Object.assign(Object.create(connection.redis) as object, {
    evalshaBuffer: (sha: string, ...rest: [number, ...unknown[]]) =>
      sha === scripts.fill.sha ? real.evalBuffer(fillScript, ...rest) : real.evalshaBuffer(sha, ...rest),
    evalBuffer: real.evalBuffer.bind(connection.redis),
  }) as unknown as Redis;
  const store = new EntryStore({
    redis,
    get incarnation() {
      return connection.incarnation;
    },
    requireIncarnation: () => connection.requireIncarnation(),
    requireStoreIdentity: () => connection.requireStoreIdentity(),
    noticeRoleChange: (error) => connection.noticeRoleChange(error),
    databaseMayHaveGoneBack: false,
    time_ms: () => connection.time_ms(),
  });
  const now = () => performance.now();
  // Never subscribed: the near caches stay out of it, and every read asks Redis.
  const freshness = new Freshness(now, () => connection.incarnation);
  let sequence = 0;
  const failures: unknown[] = [];
  const publisher = new InvalidationPublisher(connection);
  const breaker = createCacheBreaker();
  const cache = new EntityCache(
    THING,
    { load },
    {
      shards: onlyShard({
        store,
        reads: new TurnReads({ connection, breaker, freshness }),
        breaker,
        freshness,
      }),
      near: new NearCache(now, { maxBytes: 1_000_000 }),
      monotonic: new MonotonicReads(1_000),
      now,
      events: {
        fillRefused: () => undefined,
        overtaken: () => undefined,
        cacheFailed: (error) => failures.push(error),
        loadFailed: (_entity, error) => failures.push(error),
      },
    },
  );
  return {
    cache,
    store,
    failures,
    async invalidate(key: string, version: number) {
      const [outcome] = await publisher.invalidate([[THING.cacheKey(key), version]]);
      expect(outcome?.status).toBe('fulfilled');
    },
    hear() {
      sequence += 1;
      const incarnation = connection.incarnation ?? '';
      freshness.received({ publisher: 'w', sequence, incarnation, watermarkAge_ms: 0 }, now());
    },
    [Symbol.dispose]: () => connection.stop(),
  };
}

/** @returns in how many schedules the fill was late, and what went wrong */
async function play(count: number, fillScript?: string): Promise<{ late: number; wrong: string[] }> {
  const random = randomFrom(seed);
  const rows = new Map<string, PrimaryRead>();
  const row = (key: string): PrimaryRead => rows.get(key) ?? { version: 0, payload: null };
  const write = (key: string, version: number) =>
    rows.set(key, { version, payload: Buffer.from(`{"v":${version}}`) });
  let openGap: () => void = () => undefined;
  let gap = Promise.resolve();
  let inGap = 0;
  let everyoneIsThere: () => void = () => undefined;
  using slow = await startReader(async (key) => {
    const loaded = row(key);
    inGap += 1;
    if (inGap === batch) everyoneIsThere();
    await gap;
    return loaded;
  }, fillScript);
  using other = await startReader((key) => Promise.resolve(row(key)));
  const wrong: string[] = [];
  let late = 0;

  for (let begin = 0; begin < count; begin += batch) {
    const plays = Array.from({ length: batch }, (_, index) => {
      const key = `${begin + index}`;
      const steps: Step[] = [];
      const isChanged = random() < 0.8;
      if (isChanged) steps.push('commit', 'invalidate');
      for (const step of ['del', 'other'] as const) {
        if (random() < 0.5 || (step === 'del' && !isChanged))
          steps.splice(Math.floor(random() * (steps.length + 1)), 0, step);
      }
      return { key, steps, isChanged, hadEntry: random() < 0.5, version: 1 };
    });
    for (const reader of [slow, other]) reader.hear();
    // Half begin with what an earlier change left, half with nothing.
    await Promise.all(
      plays.map(async (one) => {
        write(one.key, 1);
        if (!one.hadEntry) return;
        await other.cache.get(one.key);
        one.version = 2;
        write(one.key, 2);
        await other.invalidate(one.key, 2);
      }),
    );
    inGap = 0;
    gap = new Promise((resolve) => (openGap = resolve));
    const allThere = new Promise<void>((resolve) => (everyoneIsThere = resolve));
    const answers = plays.map(({ key }) => slow.cache.get(key));
    await allThere;
    const leased = await Promise.all(plays.map(({ key }) => slow.store.inspect(THING.cacheKey(key))));
    late += leased.filter(({ isLeased }) => isLeased === true).length;

    const longest = Math.max(...plays.map(({ steps }) => steps.length));
    const flushAt = random() < 0.3 ? Math.floor(random() * (longest + 1)) : -1;
    for (let at = 0; at <= longest; at++) {
      if (at === flushAt) await admin.flushall();
      other.hear();
      await Promise.all(
        plays.map(async ({ key, steps, version }) => {
          if (steps[at] === 'commit') write(key, version + 1);
          if (steps[at] === 'invalidate') await other.invalidate(key, version + 1);
          if (steps[at] === 'del') await admin.del(THING.cacheKey(key));
          if (steps[at] === 'other') await other.cache.get(key);
        }),
      );
    }
    openGap();
    const answered = await Promise.all(answers);
    for (const [index, { key, steps, isChanged, version }] of plays.entries()) {
      const story = `schedule ${key}: ${steps.join(', ')}${flushAt < 0 ? '' : `, FLUSHALL at ${flushAt}`}`;
      if (answered[index]?.source === 'stored') wrong.push(`${story}: the late fill was stored`);
      const entry = await slow.store.inspect(THING.cacheKey(key));
      const least = isChanged ? version + 1 : version;
      const isLive = entry.state === 'value' || entry.state === 'missing';
      if (isLive && (entry.version ?? 0) < least) wrong.push(`${story}: Redis holds ${entry.version}`);
    }
  }
  expect([...slow.failures, ...other.failures]).toEqual([]);
  return { late, wrong };
}

test(
  `a fill that comes after a change or a loss of its key is refused, in ${schedules} schedules`,
  async () => {
    const { late, wrong } = await play(schedules);
    expect(wrong).toEqual([]);
    // A reader without a lease would be refused anyway.
    expect(late).toBe(schedules);
  },
  20_000 + schedules * 20,
);

test('a script that accepts every fill fails the same schedules', async () => {
  const anyFill = scripts.fill.text.replace('if may_store then', 'may_store = true\nif may_store then');
  const { wrong } = await play(2 * batch, anyFill);
  expect(wrong.some((text) => text.includes('Redis holds'))).toBe(true);
}, 30_000);
