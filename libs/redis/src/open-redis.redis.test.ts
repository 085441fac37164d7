import { eventually, startSentinelGroup } from '@catalog/testing';
import type { Redis } from 'ioredis';
import { afterEach, expect, test } from 'vitest';
import { connectStateRedis } from './state-redis.ts';

const open: Redis[] = [];
afterEach(() => {
  for (const redis of open.splice(0)) redis.disconnect();
});

function connect(url: string): Redis {
  const redis = connectStateRedis({ url, name: 'test', onError: () => undefined });
  open.push(redis);
  return redis;
}

const failover = { timeout_ms: 30_000 } as const;

/** The port of the server that the connection writes to. */
async function writtenPort(redis: Redis): Promise<number> {
  await redis.set('key', 'value');
  return Number(/tcp_port:(\d+)/.exec(await redis.info('server'))?.[1]);
}

const writesTo = (redis: Redis, port: number) =>
  eventually(async () => (await writtenPort(redis)) === port, failover);

test('a connection through sentinels follows a failover to the new primary', async () => {
  await using group = await startSentinelGroup();
  const [primary, replica] = group.servers;
  const redis = connect(group.url);
  await writesTo(redis, primary.port);
  await redis.set('kept', 'written before');
  await eventually(async () => (await redis.wait(1, 100)) === 1, failover);

  await primary.kill('SIGKILL');

  await writesTo(redis, replica.port);
  expect(await redis.get('kept')).toBe('written before');
}, 60_000);

test('a connection through sentinels leaves a primary that was demoted while it hung', async () => {
  await using group = await startSentinelGroup();
  const [primary, replica] = group.servers;
  const redis = connect(group.url);
  await writesTo(redis, primary.port);
  await eventually(async () => (await redis.wait(1, 100)) === 1, failover);

  await primary.kill('SIGSTOP');
  await writesTo(redis, replica.port);
  await primary.kill('SIGCONT');

  await writesTo(redis, replica.port);
  expect(await writtenPort(redis)).toBe(replica.port);
}, 60_000);
