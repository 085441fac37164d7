import { expect, test } from 'vitest';
import { openRedis } from './open-redis.ts';
import { isRedisUrl } from './redis-urls.ts';

const idle = { lazyConnect: true } as const;

test('a URL of sentinels names each of them, the group, and both passwords', () => {
  const url = `redis+sentinel://reader:${encodeURIComponent('p@ss')}@a.example:1,b.example,[::1]:3/main?sentinelUsername=watcher&sentinelPassword=s%26`;
  expect(openRedis(url, idle).options).toMatchObject({
    sentinels: [
      { host: 'a.example', port: 1 },
      { host: 'b.example', port: 26_379 },
      { host: '::1', port: 3 },
    ],
    name: 'main',
    username: 'reader',
    password: 'p@ss',
    sentinelUsername: 'watcher',
    sentinelPassword: 's&',
    failoverDetector: true,
  });
});

test('a URL of one server leads to that server', () => {
  expect(openRedis('redis://reader:secret@a.example:7', idle).options).toMatchObject({
    host: 'a.example',
    port: 7,
    username: 'reader',
    password: 'secret',
    sentinels: null,
  });
});

test.each([
  'http://a',
  'a.example:6379',
  'redis+sentinel://a:1',
  'redis+sentinel://a:1/',
  'redis+sentinel://a:0/main',
  'redis+sentinel://a:70000/main',
  'redis+sentinel://a,,b/main',
  'redis+sentinel:///main',
])('refuses %s', (url) => {
  expect(isRedisUrl(url)).toBe(false);
  expect(() => openRedis(url, idle)).toThrow('redis+sentinel://a:26379,b:26379/name');
});
