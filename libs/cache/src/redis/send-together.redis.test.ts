import { openRedis } from '@catalog/redis';
import { eventually, startRedis, type RedisServer } from '@catalog/testing';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeCommand, sendTogether } from './send-together.ts';

let server: RedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = open(10_000);
});
afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
});

const open = (call_ms: number) =>
  openRedis(server.url, {
    connectionName: 'test',
    commandTimeout: call_ms,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  });
const get = (key: string) => encodeCommand('get', key);
const ready = (connection: Redis) => eventually(() => connection.status === 'ready');

test('each command has its reply, in order; an error is a value and hides no other reply', async () => {
  await ready(redis);
  await redis.mset('a', 'ä', 'b', '2');
  await redis.lpush('list', 'x');
  const commands = [get('a'), get('list'), get('none'), encodeCommand('mget', 'b', 'a'), get('b')];
  const sent = [sendTogether(redis, commands), redis.get('b'), sendTogether(redis, [get('a')])] as const;
  const [replies, alone, last] = await Promise.all(sent);
  expect(replies.map((reply) => (reply instanceof Error ? reply.message.slice(0, 9) : reply))).toEqual([
    Buffer.from('ä'),
    'WRONGTYPE',
    null,
    [Buffer.from('2'), Buffer.from('ä')],
    Buffer.from('2'),
  ]);
  expect([alone, last]).toEqual(['2', [Buffer.from('ä')]]);
});

test('late answers fail the group, and the commands behind it get their own', async () => {
  const hasty = open(200);
  await ready(hasty);
  await redis.client('PAUSE', 400, 'ALL');
  await expect(sendTogether(hasty, [get('a'), get('list'), get('b')])).rejects.toThrow('Command timed out');
  await eventually(() => hasty.get('b').catch(() => false));
  expect([await hasty.get('b'), hasty.commandQueue.length]).toEqual(['2', 0]);
  hasty.disconnect();
});

test('a lost connection fails the group, and a closed one takes none', async () => {
  const closing = open(10_000);
  await ready(closing);
  await redis.client('PAUSE', 300, 'ALL');
  const waiting = sendTogether(closing, [get('a'), get('b')]);
  closing.disconnect();
  await expect(waiting).rejects.toThrow('Connection is closed');
  await expect(sendTogether(closing, [get('a'), get('b')])).rejects.toThrow('Connection is closed');
  expect(closing.commandQueue.length).toBe(0);
});
