import { startRedis, stressPart } from '@catalog/testing';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { ViewCounters } from './view-counters.ts';

test('the counters start and stop in any order, and the last counts are not lost', async () => {
  const server = await startRedis();
  const redis = new Redis(server.url);
  try {
    await redis.ping();
    const views = new ViewCounters(redis, (error) => expect(error).toBeUndefined());
    let counted = 0;
    await stressPart(() => {
      views.count('a');
      counted += 1;
      return views;
    });
    expect(await redis.zscore('views:products', 'a')).toBe(String(counted));
  } finally {
    redis.disconnect();
    await server.stop();
  }
});
