import { startRedis, type RedisServer } from '@catalog/testing';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Freshness } from '../channel/freshness.ts';
import { limits } from '../timings.ts';
import { createCacheBreaker } from '../redis/cache-breaker.ts';
import { CacheConnection } from '../redis/cache-connection.ts';
import type { Place } from './place.ts';
import { TurnReads } from './turn-reads.ts';

let server: RedisServer;
let connection: CacheConnection;
let freshness: Freshness;
let reads: TurnReads;
let now_ms: number;
let incarnation: string;

beforeAll(async () => {
  server = await startRedis();
  connection = new CacheConnection({
    url: server.url,
    name: 'reader',
    database: { currentIncarnation: async () => 'main' },
    // A busy test machine may pause a Redis that works.
    call_ms: 10_000,
    onError: () => undefined,
  });
  await connection.start();
  incarnation = connection.requireIncarnation();
  freshness = new Freshness(
    () => performance.now(),
    () => connection.incarnation,
  );
  freshness.received(
    { publisher: 'w', sequence: 1, incarnation, watermarkAge_ms: -600_000 },
    performance.now(),
  );
  reads = new TurnReads({ connection, breaker: createCacheBreaker(), freshness });
  now_ms = await connection.time_ms();
});
afterEach(() => void vi.useRealTimers());
afterAll(async () => {
  connection?.stop();
  await server?.stop();
});

const place = (cacheKey: string): Place => ({ name: 'thing', cacheKey, payloadSchema: 1, softTtl_ms: 1_000 });
interface Entry {
  readonly state?: string;
  readonly stored_ms?: number;
  readonly freshUntil_ms?: number;
  readonly stamp?: string;
  readonly schema?: number;
  readonly token?: string;
}
const write = (key: string, entry: Entry = {}) => {
  const { state = 'V', stored_ms = now_ms - 1_000, freshUntil_ms = now_ms + 3_600_000 } = entry;
  const { stamp = incarnation, schema = 1, token = '' } = entry;
  const head = [1, state, 7, stored_ms, freshUntil_ms, stamp, schema, token, 0, now_ms + 60_000].join('|');
  return connection.redis.set(key, `${head}\n{"name":"äö|€\\n"}`);
};
const calls = async (command: string) => {
  const info = await connection.redis.info('commandstats');
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(info)?.[1] ?? 0);
};

test('keys that share a hash are read both, and callers of one key share its read', async () => {
  await Promise.all([write('one'), write('two', { state: 'M' }), write('three')]);
  const hash = 5;
  const places = ['one', 'two', 'one', 'three', 'two'].map(place);
  const asked = places.map((of) => reads.read(of, hash));
  expect((await Promise.all(asked)).map((found) => found?.text === null)).toEqual([
    false,
    true,
    false,
    false,
    true,
  ]);
  expect([asked[2], asked[4]]).toEqual([asked[0], asked[1]]);
});

test('reads of one turn are one MGET with one INFO behind it, and no script', async () => {
  const keys = Array.from({ length: 50 }, (_, index) => `turn:${index}`);
  for (const key of keys) await write(key);
  const before = { mget: await calls('mget'), evalsha: await calls('evalsha') };
  const entries = await Promise.all(keys.map((key) => reads.read(place(key))));
  expect(entries.map((entry) => entry?.version)).toEqual(keys.map(() => 7));
  expect(Buffer.from(entries[0]?.text ?? '', 'latin1').toString()).toBe('{"name":"äö|€\\n"}');
  expect(entries[0]?.age_ms).toBeGreaterThanOrEqual(1_000);
  expect(await calls('mget')).toBe(before.mget + 1);
  expect(await calls('evalsha')).toBe(before.evalsha);
});

/** Reads whose MGETs wait until the test lets them go. */
function heldReads() {
  const asked: string[][] = [];
  const { promise, resolve: letGo } = Promise.withResolvers<void>();
  const held = new TurnReads({
    connection: {
      incarnation,
      requireStoreIdentity: () => connection.requireStoreIdentity(),
      noticeRoleChange: (error) => connection.noticeRoleChange(error),
      async readMany(keys) {
        asked.push([...keys]);
        await promise;
        return connection.readMany(keys);
      },
    },
    breaker: createCacheBreaker(),
    freshness,
  });
  return { held, asked, letGo };
}

test('while two MGETs are under way, the reads of further turns share the next one', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  for (const key of ['a', 'b', 'c', 'd']) await write(key);
  const { held, asked, letGo } = heldReads();
  const entries = [];
  for (const key of ['a', 'b', 'c', 'd']) {
    entries.push(held.read(place(key)));
    await nextTurn();
  }
  expect(asked).toEqual([['a'], ['b']]);
  letGo();
  expect((await Promise.all(entries)).map((entry) => entry?.version)).toEqual([7, 7, 7, 7]);
  expect(asked).toEqual([['a'], ['b'], ['c', 'd']]);
  await held.read(place('e'));
  expect(asked.at(-1)).toEqual(['e']);
});

test('a slow Redis holds back the reads of further turns only for a moment', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const { held, asked, letGo } = heldReads();
  const entries = [];
  for (const key of ['a', 'b', 'c']) {
    entries.push(held.read(place(key)));
    await nextTurn();
  }
  vi.advanceTimersByTime(limits.readsHeld_ms - 1);
  expect(asked).toHaveLength(2);
  vi.advanceTimersByTime(1);
  expect(asked).toEqual([['a'], ['b'], ['c']]);
  letGo();
  await Promise.all(entries);
});

test('callers of one key in one turn share its read, and later callers read again', async () => {
  await write('shared');
  const one = reads.read(place('shared'));
  expect(reads.read(place('shared'))).toBe(one);
  expect(await one).toMatchObject({ version: 7 });
  await connection.redis.del('shared');
  expect(await reads.read(place('shared'))).toBeUndefined();
});

test('more keys than one MGET takes come back each with its own value', async () => {
  const keys = Array.from({ length: 600 }, (_, index) => `many:${index}`);
  const pipeline = connection.redis.pipeline();
  for (const [index, key] of keys.entries()) {
    if (index % 3 === 0) continue;
    pipeline.set(key, `1|V|${index}|${now_ms}|${now_ms + 3_600_000}|${incarnation}|1||0|0\n${index}`);
  }
  await pipeline.exec();
  const entries = await Promise.all(keys.map((key) => reads.read(place(key))));
  for (const [index, entry] of entries.entries())
    expect(entry?.text).toBe(index % 3 === 0 ? undefined : String(index));
});

test('a missing row is an answer too', async () => {
  await write('missing', { state: 'M' });
  expect(await reads.read(place('missing'))).toMatchObject({ version: 7, text: null });
});

test.each<[string, Entry]>([
  ['dead', { state: 'D' }],
  ['absent and leased', { state: 'A', token: 'token' }],
  ['leased', { token: 'token' }],
  ['past its soft TTL', { freshUntil_ms: 1 }],
  ['due for refresh', { stored_ms: 1 }],
  ['of another incarnation', { stamp: 'other' }],
  ['of another schema', { schema: 2 }],
])('an entry that is %s is left to the script', async (_name, entry) => {
  await write('odd', entry);
  expect(await reads.read(place('odd'))).toBeUndefined();
});

test('another layout, another type and nothing at all are left to the script', async () => {
  await connection.redis.set('layout', '2|V|7\nx');
  await connection.redis.set('line', 'no end of line');
  await connection.redis.lpush('list', 'x');
  for (const key of ['layout', 'line', 'list', 'nothing']) {
    expect(await reads.read(place(key))).toBeUndefined();
  }
});

test('a key that Redis refuses is left to the script, and so are the others of the turn', async () => {
  const user = ['reader', 'on', 'nopass', '+@all', '%RW~open:*'] as const;
  await connection.redis.acl('SETUSER', ...user);
  await write('open:1');
  await write('closed:1');
  await connection.redis.auth('reader', '');
  try {
    expect(await Promise.all(['open:1', 'closed:1'].map((key) => reads.read(place(key))))).toEqual([
      undefined,
      undefined,
    ]);
    expect(await reads.read(place('open:1'))).toMatchObject({ version: 7 });
  } finally {
    await connection.redis.auth('default', '');
  }
});

test('when the server was promoted while the connection stayed open, nothing that it holds is served', async () => {
  await write('promoted');
  expect(await reads.read(place('promoted'))).toMatchObject({ version: 7 });
  await connection.redis.replicaof('127.0.0.1', 1);
  await connection.redis.replicaof('NO', 'ONE');
  await expect(reads.read(place('promoted'))).rejects.toThrow('OTHERINCARNATION');
});
