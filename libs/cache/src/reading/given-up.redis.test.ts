/** Callers that give up before their load begins. The lease of their reader must not delay others. */
import { eventually, startRedis, type RedisServer } from '@catalog/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Cache, createCache, type EntityCache } from '../index.ts';
import { THING } from '../testing/simulated-catalog.ts';
import { limits } from '../timings.ts';

let server: RedisServer;
/** Two processes. */
let hurried: Cache;
let other: Cache;
let loads: string[];
let answers: Promise<void>;
let answer: () => void;
const load = async (keys: readonly string[]) => {
  loads.push(...keys);
  await answers;
  return new Map(keys.map((key) => [key, { version: 1, body: { key } }]));
};
const loadPage = async () => {
  loads.push('a page');
  await answers;
  return Buffer.from('[]');
};
let hurriedThings: EntityCache;
let otherThings: EntityCache;

beforeAll(async () => {
  server = await startRedis();
  const start = async () => {
    const cache = createCache({
      url: server.url,
      name: 'reader',
      database: { currentIncarnation: async () => 'test' },
      onError: () => undefined,
    });
    await cache.start();
    return cache;
  };
  [hurried, other] = await Promise.all([start(), start()]);
  hurriedThings = hurried.define(THING, load);
  otherThings = other.define(THING, load);
});
afterAll(async () => {
  await Promise.all([hurried?.stop(), other?.stop()]);
  await server?.stop();
});
beforeEach(() => {
  loads = [];
  ({ promise: answers, resolve: answer } = Promise.withResolvers<void>());
});

/** Takes all places for loads, one after the other, until the test answers the loads. */
async function takePlaces(places: number, read: (place: number) => Promise<unknown>): Promise<unknown> {
  const taken: Promise<unknown>[] = [];
  for (let place = 1; place <= places; place += 1) {
    taken.push(read(place));
    await eventually(() => loads.length === place);
  }
  return Promise.all(taken);
}
const leaseOf = async (key: string) => {
  const { redis } = await other.inspect(THING.cacheKey(key));
  return 'isLeased' in redis && redis.isLeased;
};

test('once all callers of a key have given up, the next reader gets the lease at once, and fills', async () => {
  const taken = takePlaces(limits.loadConcurrency, (place) => hurriedThings.get(`taken ${place}`));
  await eventually(() => loads.length === limits.loadConcurrency);
  const until_ms = performance.now() + 100;
  const gaveUp = hurriedThings.get('cold', { waitsUntil: () => until_ms });
  await expect(gaveUp).rejects.toMatchObject({ code: 'unavailable' });
  expect(await leaseOf('cold')).toBe(true);
  await eventually(() => performance.now() > until_ms);
  answer();
  await taken;
  // The lease would run out after three seconds.
  await eventually(async () => !(await leaseOf('cold')), { timeout_ms: 1_000 });
  expect((await otherThings.get('cold')).source).toBe('stored');
  expect(loads.filter((key) => key === 'cold')).toHaveLength(1);
});

test('the same holds for a page of a list', async () => {
  const pages = { hurried: hurried.list('things'), other: other.list('things') };
  const taken = takePlaces(limits.listConcurrency, (place) => pages.hurried.get([place], loadPage));
  await eventually(() => loads.length === limits.listConcurrency);
  const until_ms = performance.now() + 100;
  const gaveUp = pages.hurried.get(['cold'], loadPage, until_ms);
  await expect(gaveUp).rejects.toMatchObject({ code: 'unavailable' });
  // A timer may end up to a millisecond early.
  await eventually(() => performance.now() > until_ms);
  answer();
  await taken;
  await eventually(() => hurried.status().loads.lists.shed.unwanted === 1);
  await eventually(async () => (await pages.other.get(['cold'], loadPage)).source === 'stored', {
    timeout_ms: 1_000,
  });
});

test('a load that fails leaves no lease either', async () => {
  const failing = hurried.define({ ...THING, name: 'failing' }, async () => {
    throw new Error('the database is away');
  });
  await expect(failing.get('failed')).rejects.toMatchObject({ code: 'unavailable' });
  await eventually(async () => !(await leaseOf('failed')), { timeout_ms: 1_000 });
});
