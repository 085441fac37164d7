import { eventually, startSentinelGroup } from '@catalog/testing';
import { expect, test } from 'vitest';
import { CacheConnection } from './cache-connection.ts';

test('behind sentinels, a failover of the cache Redis is another incarnation', async () => {
  await using group = await startSentinelGroup();
  const [primary, replica] = group.servers;
  const connection = new CacheConnection({
    url: group.url,
    name: 'test',
    database: { currentIncarnation: () => Promise.resolve('database') },
    onError: () => undefined,
  });
  try {
    await connection.start();
    const before = await eventually(() => connection.incarnation ?? false, { timeout_ms: 20_000 });
    await primary.kill('SIGKILL');
    await eventually(() => connection.incarnation === undefined, { timeout_ms: 20_000 });
    const after = await eventually(() => connection.incarnation ?? false, { timeout_ms: 30_000 });
    expect(after).not.toBe(before);
    expect(await connection.redis.info('server')).toContain(`tcp_port:${replica.port}`);
  } finally {
    connection.stop();
  }
}, 90_000);
