import { type RedisServer, startRedis } from '@catalog/testing';
import { UNCONDITIONAL_VERSION, type Entity } from '@catalog/contracts';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Cache, createCache } from '../cache.ts';
import { InvalidationPublisher } from '../invalidating/invalidation-publisher.ts';
import { CacheConnection } from '../redis/cache-connection.ts';
import { keyOf } from './wrap.ts';

const entity: Entity = { name: 'greeting', cacheKey: (key) => `greeting:${key}`, payloadSchema: 1 };
const ignore = () => undefined;

let server: RedisServer;
let worker: CacheConnection;
let publisher: InvalidationPublisher;
let open: AsyncDisposableStack;
let beating: NodeJS.Timeout;

beforeAll(async () => {
  server = await startRedis();
  worker = new CacheConnection({
    url: server.url,
    name: 'worker',
    database: { currentIncarnation: async () => 'test' },
    onError: ignore,
  });
  await worker.start();
  publisher = new InvalidationPublisher(worker);
  const beat = async () => publisher.heartbeat(await worker.time_ms());
  beating = setInterval(() => void beat().catch(ignore), 100);
});
afterAll(async () => {
  clearInterval(beating);
  await open.disposeAsync();
  worker.stop();
  await server.stop();
});
beforeEach(async () => {
  await open?.disposeAsync();
  open = new AsyncDisposableStack();
  await worker.redis.flushall();
});

async function newProcess(): Promise<Cache> {
  const cache = createCache({
    url: server.url,
    name: 'reader',
    database: { currentIncarnation: async () => 'test' },
    onError: ignore,
  });
  open.defer(() => cache.stop());
  await cache.start();
  const isReady = ({ nearCache, redisIsFresh } = cache.status()) => nearCache.isSound && redisIsFresh;
  while (!isReady()) await new Promise(setImmediate);
  return cache;
}

async function drop(key: string): Promise<void> {
  await publisher.invalidate([[entity.cacheKey(key), UNCONDITIONAL_VERSION]]);
}

test('over two processes a call is made once, and again after its change', async () => {
  const calls: string[] = [];
  const greet = async (name: string) => {
    calls.push(name);
    return { text: `hello ${name}, for the ${calls.length}. time` };
  };
  const one = (await newProcess()).wrap(entity, greet);
  const other = (await newProcess()).wrap(entity, greet);
  expect(await Promise.all([one('ada'), one('ada'), one('ada')])).toEqual(
    Array.from({ length: 3 }, () => ({ text: 'hello ada, for the 1. time' })),
  );
  expect(await other('ada')).toEqual({ text: 'hello ada, for the 1. time' });
  expect((await other.read('ada')).source).toBe('near');
  expect(calls).toEqual(['ada']);
  await drop('ada');
  while ((await one('ada'))?.text !== 'hello ada, for the 2. time') await new Promise(setImmediate);
  while ((await other('ada'))?.text !== 'hello ada, for the 2. time') await new Promise(setImmediate);
  expect(calls).toEqual(['ada', 'ada']);
});

test('an error is not cached, and fails no other caller', async () => {
  let fails = true;
  const greet = (await newProcess()).wrap(entity, async (name: string) => {
    if (fails && name === 'eve') throw new Error('not now');
    return { text: name };
  });
  const [eve, ada] = await Promise.allSettled([greet('eve'), greet('ada')]);
  expect([eve.status, ada.status]).toEqual(['rejected', 'fulfilled']);
  fails = false;
  expect(await greet('eve')).toEqual({ text: 'eve' });
});

test('absence is cached too', async () => {
  let calls = 0;
  const find = (await newProcess()).wrap(entity, async (_name: string) => {
    calls += 1;
    return null;
  });
  expect([await find('nobody'), await find('nobody'), calls]).toEqual([null, null, 1]);
});

test('an answer is kept for as long as its entity says', async () => {
  let calls = 0;
  const greet = (await newProcess()).wrap({ ...entity, softTtl_ms: 60 }, async () => {
    calls += 1;
    return { calls };
  });
  expect(await greet()).toEqual({ calls: 1 });
  while ((await greet())?.calls === 1) await new Promise(setImmediate);
  expect(calls).toBeGreaterThan(1);
});

test.each([
  [['ada'], 'ada'],
  [[1, 'a', null, true], '[1,"a",null,true]'],
  [[{ b: 1, a: { d: [], c: undefined } }], '[{"a":{"d":[]},"b":1}]'],
  [[{ a: { d: [] }, b: 1 }], '[{"a":{"d":[]},"b":1}]'],
  [[], '[]'],
])('the key of %j is %s', (args, key) => {
  expect(keyOf(args)).toBe(key);
});

test('different arguments give different keys, and keys stay short', () => {
  expect(new Set([['1'], [1], [[1]], [1, null], ['[1]'], ['null'], [null]].map(keyOf)).size).toBe(7);
  expect(keyOf(['x'.repeat(1_000)])).toHaveLength(43);
  expect(keyOf(['x'.repeat(1_000)])).not.toBe(keyOf(['x'.repeat(1_001)]));
});

test.each([[new Date()], [Number.NaN], [() => 1], [new Map()], [Symbol('x')], [1n]])(
  '%o is no key',
  (value) => {
    expect(() => keyOf([value])).toThrow(TypeError);
  },
);
