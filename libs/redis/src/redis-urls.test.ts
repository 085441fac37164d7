import { expect, test } from 'vitest';
import { openRedis } from './open-redis.ts';
import { clusterAddress, isCacheRedisUrl, isRedisUrl, nodeUrl, redisUrlRule } from './redis-urls.ts';

const undecodable = '%zz';

test('a URL of a cluster names some of its nodes, and the user of each', () => {
  const url = `redis+cluster://reader:${encodeURIComponent('p@ss/')}@a.example:1,b.example,[::1]:3`;
  const address = clusterAddress(url);
  expect(address).toEqual({
    nodes: [
      { host: 'a.example', port: 1 },
      { host: 'b.example', port: 6_379 },
      { host: '::1', port: 3 },
    ],
    username: 'reader',
    password: 'p@ss/',
  });
  if (address === undefined) return;
  const lazy = openRedis(nodeUrl({ host: '::1', port: 3 }, address), { lazyConnect: true });
  expect(lazy.options).toMatchObject({ host: '::1', port: 3, username: 'reader', password: 'p@ss/' });
});

test('a cluster without a user has nodes without one', () => {
  expect(clusterAddress('redis+cluster://a/')).toEqual({ nodes: [{ host: 'a', port: 6_379 }] });
  expect(nodeUrl({ host: 'a', port: 7 }, { nodes: [] })).toBe('redis://a:7');
});

test('only the cache may be a cluster', () => {
  const url = 'redis+cluster://a:1,b:2';
  expect([isCacheRedisUrl(url), isRedisUrl(url)]).toEqual([true, false]);
  expect(() => openRedis(url, { lazyConnect: true })).toThrow('for the cache alone, redis+cluster://a:6379');
});

test('the cache may be one server, or one behind Sentinel', () => {
  const urls = ['redis://a:1', 'rediss://a:1', 'redis+sentinel://a:1/main'];
  expect(urls.map(isCacheRedisUrl)).toEqual([true, true, true]);
});

test.each([
  'redis+cluster://',
  'redis+cluster://a:0',
  'redis+cluster://a:70000',
  'redis+cluster://a,,b',
  'redis+cluster://a:1/0',
  'redis+cluster://a:1/main',
  'redis+cluster://a:1?db=1',
  'redis+cluster://user@a:1',
  `redis+cluster://u:${undecodable}@a:1`,
  `redis+sentinel://u:${undecodable}@a:1/main`,
  'rediss+cluster://a:1',
])('no Redis may have the URL %s', (url) => {
  expect(isCacheRedisUrl(url)).toBe(false);
});

test('the rule names each form', () => {
  for (const form of ['redis://', 'rediss://', 'redis+sentinel://', 'redis+cluster://'])
    expect(redisUrlRule).toContain(form);
});
