import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { eventually } from '../time/eventually.ts';
import { startRedis } from './server.ts';

test('a server uses its directives, and is empty and a new process after a restart', async () => {
  await using server = await startRedis({ config: { maxmemory: '32mb', 'maxmemory-policy': 'allkeys-lfu' } });
  const redis = new Redis(server.url, { lazyConnect: true });
  redis.on('error', () => {});
  await redis.connect();
  expect(await redis.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'allkeys-lfu']);
  await redis.set('key', 'value');
  const { pid } = server;
  await server.restart();
  expect(server.pid).not.toBe(pid);
  expect(await eventually(() => redis.exists('key'))).toBe(0);
  redis.disconnect();
});

test('after stop no server answers on its port', async () => {
  const server = await startRedis();
  await server.stop();
  const redis = new Redis(server.url, { lazyConnect: true, retryStrategy: () => null });
  redis.on('error', () => {});
  await expect(redis.connect()).rejects.toThrow();
  redis.disconnect();
});
