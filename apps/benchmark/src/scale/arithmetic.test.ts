/** Compares the arithmetic with a simulation of single reads and changes, with real LRU lists. */
import { LRUCache } from 'lru-cache';
import { expect, test } from 'vitest';
import { zipf } from '../measuring/zipf.ts';
import {
  carriedShare,
  coresOf,
  readersFor,
  sharesOf,
  zipfGroups,
  type Costs,
  type Workload,
} from './arithmetic.ts';

const random = (() => {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
})();

/** One event after the other: a change empties the near caches and fills Redis again, if Redis has the key. */
function simulate(workload: Workload, events: number) {
  const { readsPerSecond, changesPerSecond, products, readers, nearEntries, softTtl_s } = workload;
  const near = Array.from({ length: readers }, () => new LRUCache<number, number>({ max: nearEntries }));
  const redisUntil_s = new Float64Array(products);
  const drawn = zipf(products, events);
  const rate = readsPerSecond + changesPerSecond;
  const counts = { near: 0, redis: 0, postgres: 0 };
  let [now_s, refreshed, changes] = [0, 0, 0];
  for (let event = 0; event < events; event++) {
    now_s -= Math.log(1 - random()) / rate;
    const isCounted = event > events / 2;
    if (random() < changesPerSecond / rate) {
      const key = Math.floor(random() * products);
      for (const cache of near) cache.delete(key);
      const isLive = (redisUntil_s[key] ?? 0) > now_s;
      if (isLive) redisUntil_s[key] = now_s + softTtl_s;
      if (isCounted) {
        changes += 1;
        if (isLive) refreshed += 1;
      }
      continue;
    }
    const key = drawn[event] ?? 0;
    const cache = near[Math.floor(random() * readers)];
    const until_s = cache?.get(key) ?? 0;
    const isLive = (redisUntil_s[key] ?? 0) > now_s;
    const source = until_s > now_s ? 'near' : isLive ? 'redis' : 'postgres';
    if (source === 'postgres') redisUntil_s[key] = now_s + softTtl_s;
    // A near copy ends with the entry that it is a copy of.
    if (source !== 'near') cache?.set(key, redisUntil_s[key] ?? 0);
    if (isCounted) counts[source] += 1;
  }
  const reads = counts.near + counts.redis + counts.postgres;
  return {
    near: counts.near / reads,
    redis: counts.redis / reads,
    postgres: counts.postgres / reads,
    refreshed: refreshed / Math.max(1, changes),
  };
}

const usual: Workload = {
  readsPerSecond: 10_000,
  changesPerSecond: 100,
  products: 20_000,
  readers: 2,
  nearEntries: 30_000,
  // Short, so that a simulation lasts for several of them.
  softTtl_s: 10,
};

test.each<[string, Partial<Workload>]>([
  ['near caches that hold everything', {}],
  ['near caches that hold a tenth', { nearEntries: 2_000 }],
  ['many changes', { changesPerSecond: 5_000 }],
  ['no changes', { changesPerSecond: 0 }],
  ['a short TTL', { softTtl_s: 2 }],
  ['many readers', { readers: 20, nearEntries: 3_000 }],
])('the shares are those of a simulation: %s', (_name, change) => {
  const workload = { ...usual, ...change };
  const [expected, simulated] = [sharesOf(workload), simulate(workload, 800_000)];
  for (const source of ['near', 'redis', 'postgres'] as const)
    expect(Math.abs(expected[source] - simulated[source]), source).toBeLessThan(0.02);
  if (workload.changesPerSecond > 0)
    expect(Math.abs(expected.refreshed - simulated.refreshed)).toBeLessThan(0.03);
});

test('the groups hold every product once, with the weights of the Zipf law', () => {
  for (const products of [1, 999, 1_000, 123_456]) {
    const groups = zipfGroups(products);
    expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(products);
    expect(groups.reduce((sum, { count, weight }) => sum + count * weight, 0)).toBeCloseTo(1);
  }
  const groups = zipfGroups(1_000_000);
  expect(groups.length).toBeLessThan(2_000);
  expect((groups[0]?.weight ?? 0) / (groups[9]?.weight ?? 0)).toBeCloseTo(10 ** 0.99);
});

const costs: Costs = {
  reader: { near: 10, redis: 30, postgres: 100, change: 1 },
  redis: { read: 5, change: 20, listener: 0.5 },
  state: { read: 0.1, change: 4 },
  postgres: { read: 50, change: 200 },
  worker: { change: 100 },
};

test('every reader pays for every change, and for its share of the reads', () => {
  const shares = { near: 0.5, redis: 0.4, postgres: 0.1, refreshed: 1 };
  const workload = { ...usual, readsPerSecond: 100_000, changesPerSecond: 10_000, readers: 4 };
  const cores = coresOf(workload, shares, costs);
  expect(cores.readers).toBeCloseTo((100_000 * (5 + 12 + 10) + 4 * 10_000) / 1e6);
  expect(cores.redis).toBeCloseTo((100_000 * 0.4 * 5 + 10_000 * (20 + 4 * 0.5)) / 1e6);
  expect(cores.state).toBeCloseTo((100_000 * 0.1 + 10_000 * 4) / 1e6);
  expect(cores.worker).toBeCloseTo(1);
  expect(cores.postgres).toBeCloseTo((100_000 * 0.1 * 50 + 10_000 * 200) / 1e6);
});

test('the number of readers is enough, and nearly the least that is', () => {
  const workload = { ...usual, readsPerSecond: 200_000 };
  const readers = readersFor(workload, costs, 0.7);
  const busy = (count: number) => {
    const all = { ...workload, readers: count };
    return coresOf(all, sharesOf(all), costs).readers / count;
  };
  expect(busy(readers)).toBeLessThanOrEqual(0.7);
  expect(busy(Math.floor(readers / 1.1))).toBeGreaterThan(0.7);
});

test('no number of readers is enough when the changes alone fill a core', () => {
  expect(readersFor({ ...usual, changesPerSecond: 800_000 }, costs, 0.7)).toBe(Number.POSITIVE_INFINITY);
});

test('one server carries the load that keeps its cores busy as planned, and twice as many cores carry more', () => {
  const { readers: _, ...workload } = { ...usual, readsPerSecond: 100_000, changesPerSecond: 10_000 };
  const factor = carriedShare('worker', 1, workload, costs, 0.7);
  // A change costs 100 µs.
  expect(factor * 10_000).toBeCloseTo(7_000, 0);
  expect(carriedShare('worker', 2, workload, costs, 0.7) / factor).toBeCloseTo(2, 3);
  const ofRedis = carriedShare('redis', 1, workload, costs, 0.7);
  const at = (share: number) => {
    const scaled = { ...workload, readsPerSecond: 100_000 * share, changesPerSecond: 10_000 * share };
    const all = { ...scaled, readers: readersFor(scaled, costs, 0.7) };
    return coresOf(all, sharesOf(all), costs).redis;
  };
  expect(at(ofRedis * 0.98)).toBeLessThanOrEqual(0.7);
  expect(at(ofRedis * 1.05)).toBeGreaterThan(0.7);
});

test('readers carry a load until the changes alone fill a core', () => {
  const { readers: _, ...workload } = { ...usual, changesPerSecond: 10_000 };
  // A change costs each of them 1 µs.
  expect(carriedShare('readers', 1, workload, costs, 0.7) * 10_000).toBeCloseTo(700_000, -4);
  expect(carriedShare('readers', 1, { ...workload, changesPerSecond: 1 }, costs, 0.7)).toBe(
    Number.POSITIVE_INFINITY,
  );
});
