import { availableParallelism } from 'node:os';
import { afterEach, expect, test, vi } from 'vitest';
import { portsFrom } from './machine/ports.ts';
import { serviceProcess } from './service-process.ts';
import { services } from './service-table.ts';
import { cacheServers } from './stores/cluster.ts';

afterEach(() => vi.unstubAllEnvs());

function environmentOf(name: string, cache = cacheServers({})): NodeJS.ProcessEnv {
  const service = services.find((entry) => entry.name === name);
  if (service === undefined) throw new Error(`There is no service ${name}.`);
  return serviceProcess(service, {
    ports: portsFrom(4000),
    secrets: { postgres: {}, redis: {}, random: {} } as never,
    external: {
      database: undefined,
      databaseDirect: undefined,
      cacheRedis: undefined,
      stateRedis: undefined,
    },
    cache,
    folder: { breakSocket: '/stack/break.sock', publicKeysFile: 'keys', serviceKeyFile: (of) => `${of}.key` },
  }).env;
}

test('catalog-read gets a process for each core, at most 4', () => {
  vi.stubEnv('WORKERS', undefined);
  expect(environmentOf('catalog-read')['WORKERS']).toBe(String(Math.min(4, availableParallelism())));
});

test('a variable that a person sets wins over the value of the stack', () => {
  vi.stubEnv('WORKERS', '3');
  vi.stubEnv('RATE_LIMIT_REQUESTS', '5');
  expect(environmentOf('catalog-read')).toMatchObject({ WORKERS: '3', RATE_LIMIT_REQUESTS: '5' });
  expect(environmentOf('orders')).toMatchObject({ RATE_LIMIT_REQUESTS: '5' });
});

test('an address that the stack derives wins over one of the environment', () => {
  vi.stubEnv('PORT', '1');
  vi.stubEnv('CATALOG_READ_URL', 'http://elsewhere');
  expect(environmentOf('orders')).toMatchObject({ PORT: '4004', CATALOG_READ_URL: 'http://127.0.0.1:4001' });
});

test('with CACHE=cluster a service gets the addresses of all nodes', () => {
  const url = (CACHE?: string) => environmentOf('orders', cacheServers({ CACHE }))['CACHE_REDIS_URL'];
  expect(url()).toBe('redis://orders:@127.0.0.1:4011');
  expect(url('')).toBe('redis://orders:@127.0.0.1:4011');
  const nodes = [4021, 4022, 4023, 4024, 4025, 4026].map((port) => `127.0.0.1:${port}`);
  expect(url('cluster')).toBe(`redis+cluster://orders:@${nodes.join()}`);
  expect(() => cacheServers({ CACHE: 'clusters' })).toThrow('CACHE is "clusters"');
});
