import { eventually, startRedis, type RedisServer } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { CacheConnection } from '../redis/cache-connection.ts';
import { EntryStore } from '../redis/entry-store.ts';
import { InvalidationPublisher } from './invalidation-publisher.ts';
import { decodeMessage, INVALIDATION_CHANNEL, type Invalidation } from '../channel/messages.ts';

let server: RedisServer;
let connection: CacheConnection;
let subscriber: Redis;
let store: EntryStore;
let publisher: InvalidationPublisher;
/** The messages that were heard, each with what Redis held for its first key at that moment. */
let heard: (Invalidation & { readonly found: unknown })[];

beforeAll(async () => {
  server = await startRedis();
  connection = new CacheConnection({
    url: server.url,
    name: 'worker',
    database: { currentIncarnation: () => Promise.resolve('database') },
    onError: () => undefined,
  });
  await connection.start();
  store = new EntryStore(connection);
  // Redis knows the script from here on.
  await new InvalidationPublisher(connection).invalidate([['none', 1]]);
  subscriber = new Redis(server.url);
  await subscriber.subscribe(INVALIDATION_CHANNEL);
  subscriber.on('message', (_channel, text: string) => {
    const message = decodeMessage(text);
    if (message === undefined || !('keys' in message)) return;
    void store.peek(message.keys[0]?.[0] ?? '').then((found) => heard.push({ ...message, found }));
  });
});
afterAll(async () => {
  connection.stop();
  subscriber.disconnect();
  await server.stop();
});
beforeEach(async () => {
  publisher = new InvalidationPublisher(connection);
  heard = [];
  await connection.redis.flushall();
});

async function fill(...keys: string[]): Promise<void> {
  for (const key of keys) {
    const { lease, grant } = await store.readOrLease(key, 1, 'token');
    expect(lease).toBe('granted');
    const { stored } = await store.fill(key, 1, grant, { version: 1, payload: Buffer.from('{}') }, 60_000);
    expect(stored).toBe(true);
  }
}

test('keys are invalidated before they are announced, and the result says which of them could have been served', async () => {
  await fill('a', 'b');
  expect(
    await publisher.invalidate([
      ['a', 2],
      ['c', 2],
      ['b', 1],
    ]),
  ).toMatchObject([
    { status: 'fulfilled', value: true, incarnation: connection.incarnation },
    { status: 'fulfilled', value: false },
    { status: 'fulfilled', value: false },
  ]);
  await eventually(() => heard.length === 1);
  expect(heard[0]).toMatchObject({
    keys: [
      ['a', 2],
      ['c', 2],
      ['b', 1],
    ],
    found: { state: 'dead' },
  });
});

test('when Redis has lost the script, its text is sent, and keys announced too early are announced again', async () => {
  await fill('a', 'b');
  await connection.redis.script('FLUSH');
  const outcomes = await publisher.invalidate([
    ['a', 2],
    ['b', 2],
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
  await eventually(() => heard.length === 2);
  expect(heard.map(({ sequence }) => sequence)).toEqual([1, 2]);
  expect(heard[1]).toMatchObject({
    keys: [
      ['a', 2],
      ['b', 2],
    ],
    found: { state: 'dead' },
  });
});

test('many keys at once are invalidated each with its own version, more than one call takes', async () => {
  const keys = Array.from({ length: 250 }, (_, index) => `k${index}`);
  await fill(...keys);
  const outcomes = await publisher.invalidate(keys.map((key, index) => [key, 1 + (index % 2)]));
  expect(outcomes).toMatchObject(keys.map((_, index) => ({ status: 'fulfilled', value: index % 2 === 1 })));
  const states = await Promise.all(keys.map((key) => store.peek(key)));
  expect(states.map((entry) => typeof entry !== 'string' && entry.state)).toEqual(
    keys.map((_, index) => (index % 2 === 1 ? 'dead' : 'value')),
  );
});

test('a key that cannot be invalidated is reported, and the others are invalidated', async () => {
  await fill('a', 'b');
  const used = Number(/used_memory:(\d+)/.exec(await connection.redis.info('memory'))?.[1]);
  // Only one of the two keys has to be written, and only that needs memory.
  await connection.redis.config('SET', 'maxmemory', String(Math.floor(used / 2)));
  try {
    const [dead, absent] = await publisher.invalidate([
      ['a', 2],
      ['c', 2],
    ]);
    expect(dead?.status).toBe('rejected');
    expect(absent).toMatchObject({ status: 'fulfilled', value: false });
  } finally {
    await connection.redis.config('SET', 'maxmemory', '0');
  }
});

test('a heartbeat carries the larger age of the watermark: by the clock of Redis, or by that of the worker', async () => {
  const ages: number[] = [];
  subscriber.on('message', (_channel, text: string) => {
    const message = decodeMessage(text);
    if (message !== undefined && 'watermarkAge_ms' in message) ages.push(message.watermarkAge_ms);
  });
  const time_ms = await connection.time_ms();
  // The clock of Redis was set back by 5 s, so it counts 3 s of the 8 s.
  await publisher.heartbeat(time_ms - 3_000, 8_000);
  // The worker was paused after it had read its own clock.
  await publisher.heartbeat(time_ms - 8_000, 3_000.4);
  await eventually(() => ages.length === 2);
  expect(ages[0]).toBe(8_000);
  expect(ages[1]).toBeGreaterThanOrEqual(8_000);
});

test('messages of every kind are sent in the order of their numbers', async () => {
  const time_ms = await connection.time_ms();
  const sequences: number[] = [];
  subscriber.on('message', (_channel, text: string) => sequences.push(decodeMessage(text)?.sequence ?? 0));
  await Promise.all(
    Array.from({ length: 30 }, (_, index) =>
      index % 3 === 0
        ? publisher.heartbeat(time_ms - 1)
        : index % 3 === 1
          ? publisher.forgetAll()
          : publisher.invalidate([['a', 1]]),
    ),
  );
  await eventually(() => sequences.length === 30 && heard.length === 20);
  // A gap takes two numbers and sends one message.
  const sent = Array.from({ length: 30 }, (_, index) => index + 1 + Math.floor((index + 2) / 3));
  expect(sequences).toEqual(sent);
});

test('a key that the ACL forbids is reported, and the others of its call are invalidated', async () => {
  await fill('a', 'b');
  const admin = new Redis(server.url);
  await admin.acl('SETUSER', 'limited', 'on', '>secret', '+@all', '&*', '~a', '~b');
  const url = new URL(server.url);
  [url.username, url.password] = ['limited', 'secret'];
  const limited = new CacheConnection({
    url: url.href,
    name: 'limited',
    database: { currentIncarnation: () => Promise.resolve('database') },
    onError: () => undefined,
  });
  await limited.start();
  try {
    const keys = [
      ['a', 2],
      ['forbidden', 2],
      ['b', 2],
    ] as const;
    const outcomes = await new InvalidationPublisher(limited).invalidate(keys);
    expect(outcomes).toMatchObject([
      { status: 'fulfilled', value: true },
      { status: 'rejected' },
      { status: 'fulfilled', value: true },
    ]);
    // Announced again after the key by key calls.
    await eventually(() => heard.filter((message) => message.keys.length === 3).length === 2);
  } finally {
    limited.stop();
    admin.disconnect();
  }
});
