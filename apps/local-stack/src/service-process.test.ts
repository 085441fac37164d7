import { availableParallelism } from 'node:os';
import { afterEach, expect, test, vi } from 'vitest';
import { portsFrom } from './machine/ports.ts';
import { serviceProcess } from './service-process.ts';
import { services } from './service-table.ts';

afterEach(() => vi.unstubAllEnvs());

function environmentOf(name: string): NodeJS.ProcessEnv {
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
