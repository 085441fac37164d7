import { timings } from '../timings.ts';
import {
  eventually,
  startRedis,
  stressPart,
  type RedisServer,
  tcpProxy,
  type TcpProxy,
} from '@catalog/testing';
import { type RunningPart, startPart } from '@catalog/runtime';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { CacheConnection } from '../redis/cache-connection.ts';
import { Freshness } from './freshness.ts';
import { InvalidationChannel } from './invalidation-channel.ts';
import { InvalidationPublisher } from '../invalidating/invalidation-publisher.ts';
import { INVALIDATION_CHANNEL, type InvalidatedKey } from './messages.ts';

const now = () => performance.now();
let server: RedisServer;
let proxy: TcpProxy;
let connection: CacheConnection;
let publisher: InvalidationPublisher;
let freshness: Freshness;
let running: RunningPart;
let heard: InvalidatedKey[];
let beating: NodeJS.Timeout;
let watermarkAge_ms: number;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

/** A reader whose channel goes through a proxy, and a worker that is not far behind. */
beforeEach(async () => {
  proxy = await tcpProxy({ to: server.port });
  connection = new CacheConnection({
    url: server.url,
    name: 'reader',
    database: { currentIncarnation: () => Promise.resolve('database') },
    onError: () => undefined,
  });
  await connection.start();
  heard = [];
  freshness = new Freshness(now, () => connection.incarnation);
  const channel = new InvalidationChannel({
    url: `redis://127.0.0.1:${proxy.port}`,
    name: 'reader channel',
    connection,
    freshness,
    now,
    onForget: () => undefined,
    onInvalidation: (keys) => heard.push(...keys),
    onError: () => undefined,
  });
  publisher = new InvalidationPublisher(connection);
  // From now on Redis knows the script, so that each invalidation is announced once.
  await publisher.invalidate([['none', 1]]);
  running = startPart(channel);
  watermarkAge_ms = 0;
  beating = setInterval(() => {
    void connection
      .time_ms()
      .then((time_ms) => publisher.heartbeat(time_ms - watermarkAge_ms))
      .catch(() => undefined);
  }, 50);
  await eventually(() => freshness.isSound());
});
afterEach(async () => {
  clearInterval(beating);
  await running.stop();
  connection.stop();
  await proxy.stop();
});

test('invalidations arrive, and heartbeats keep the near cache sound and Redis fresh', async () => {
  await publisher.invalidate([
    ['a', 3],
    ['b', 4],
  ]);
  await eventually(() => heard.length === 2);
  expect(heard).toEqual([
    ['a', 3],
    ['b', 4],
  ]);
  expect(freshness.isSound()).toBe(true);
  expect(freshness.isFresh(connection.incarnation)).toBe(true);
});

test('a channel that is cut is silent at once, and sound again after it has come back', async () => {
  const epoch = freshness.soundEpoch();
  proxy.refuse();
  proxy.cut();
  await eventually(() => !freshness.isSound());
  proxy.passThrough();
  await eventually(() => freshness.isSound());
  expect(freshness.soundEpoch()).toBeGreaterThan(epoch);
  await publisher.invalidate([['a', 5]]);
  await eventually(() => heard.length === 1);
});

test('a half-open channel is noticed because heartbeats stay away, and is replaced', async () => {
  proxy.blackhole();
  await eventually(() => !freshness.isSound());
  expect(freshness.lastSilence).toBe('overdue');
  await eventually(() => !freshness.isFresh(connection.incarnation));
  proxy.passThrough();
  await eventually(() => freshness.isSound(), { timeout_ms: 15_000 });
});

test('a connection that is half-open from the beginning is replaced', async () => {
  proxy.blackhole();
  proxy.cut();
  await eventually(() => !freshness.isSound());
  await eventually(() => proxy.connections === 1);
  // Long enough for the first commands on it to be swallowed.
  await eventually(() => !freshness.isFresh(connection.incarnation));
  proxy.passThrough();
  await eventually(() => freshness.isSound());
  expect(freshness.isFresh(connection.incarnation)).toBe(true);
});

test('a delayed message is not taken for a new one when it arrives', async () => {
  proxy.delay(timings.bound_ms);
  await eventually(() => !freshness.isFresh(connection.incarnation), { timeout_ms: 10_000 });
  await eventually(() => freshness.watermarkAge_ms > timings.bound_ms);
  expect(freshness.isSound()).toBe(false);
});

test('a heartbeat tells how far behind the worker is', async () => {
  watermarkAge_ms = 1_500;
  await eventually(() => freshness.watermarkAge_ms >= 1_500);
  watermarkAge_ms = 60_000;
  await eventually(() => !freshness.isFresh(connection.incarnation));
  expect(freshness.isSound()).toBe(true);
});

test('a message that is lost on the way from the worker leaves a gap', async () => {
  const epoch = freshness.soundEpoch();
  connection.redis.disconnect(true);
  await expect(publisher.invalidate([['a', 3]])).rejects.toThrow();
  await eventually(() => freshness.soundEpoch() > epoch);
  expect(heard).toEqual([]);
});

test('a message that is not ours is ignored', async () => {
  const admin = new Redis(server.url);
  for (const text of [
    '',
    'null',
    '[]',
    '{"p":1}',
    '{"p":"x","n":1.5,"i":"y","k":[]}',
    '{"p":"x","n":1,"i":"y"}',
    '{"p":"x","n":1,"i":"y","k":[null]}',
    '{"p":"x","n":1,"i":"y","k":[["a"]]}',
  ]) {
    await admin.publish(INVALIDATION_CHANNEL, text);
  }
  admin.disconnect();
  await publisher.invalidate([['a', 3]]);
  await eventually(() => heard.length === 1);
  expect(freshness.isSound()).toBe(true);
});

test('the sequence goes on over a reconnect, so that nothing lost in between is overlooked', async () => {
  const { gap } = freshness.silences;
  const silences = () => Object.values(freshness.silences).reduce((sum, count) => sum + count);
  const before = silences();
  await server.restart();
  // Either of the two connections may notice it first.
  await eventually(() => freshness.isSound() && silences() > before);
  await publisher.invalidate([['a', 9]]);
  await eventually(() => heard.some(([key, version]) => key === 'a' && version === 9));
  expect(freshness.silences.gap).toBe(gap);
});

test('it starts and stops at any moment, and leaves nothing behind', async () => {
  const onError = () => undefined;
  const create = () =>
    new InvalidationChannel({
      url: server.url,
      name: 'stressed channel',
      connection,
      freshness: new Freshness(now, () => connection.incarnation),
      now,
      onInvalidation: () => undefined,
      onForget: () => undefined,
      onError,
    });
  await expect(stressPart(create)).resolves.toBeUndefined();
});
