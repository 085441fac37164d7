import { ConfigError } from '@catalog/service-kit';
import { expect, test } from 'vitest';
import { readConfig } from './config.ts';

const right = {
  PORT: '4000',
  DATABASE_URL: 'postgres://console@127.0.0.1/catalog',
  CACHE_REDIS_URL: 'redis://127.0.0.1:4011',
  STATE_REDIS_URL: 'redis://127.0.0.1',
  SESSION_SECRET: 'x'.repeat(32),
  SERVICE_KEY_FILE: 'key.json',
  CATALOG_READ_URL: 'http://127.0.0.1:4001/',
  CATALOG_WRITE_URL: 'http://127.0.0.1:4002',
  INVALIDATION_WORKER_URL: 'http://127.0.0.1:4003',
};

function mistakesOf(environment: Record<string, string>): string {
  try {
    readConfig({ ...right, ...environment });
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

test('unset variables get defaults, and URLs lose their last slash', () => {
  expect(readConfig(right)).toMatchObject({
    origin: 'http://127.0.0.1:4000',
    CATALOG_READ_URL: 'http://127.0.0.1:4001',
    FIRST_ADMIN_USERNAME: 'admin',
  });
});

test('an origin beyond this machine must use TLS', () => {
  expect(mistakesOf({ CONSOLE_ORIGIN: 'http://console.example.com' })).toContain('must start with https://');
  expect(mistakesOf({ CONSOLE_ORIGIN: 'http://127.0.0.1.example.com' })).toContain(
    'must start with https://',
  );
  expect(readConfig({ ...right, CONSOLE_ORIGIN: 'https://console.example.com/' }).origin).toBe(
    'https://console.example.com',
  );
  expect(readConfig({ ...right, CONSOLE_ORIGIN: 'http://localhost:9' }).origin).toBe('http://localhost:9');
});

test('all mistakes are reported at once, and no secret is shown', () => {
  const message = mistakesOf({
    SESSION_SECRET: 'canary',
    FIRST_ADMIN_PASSWORD: 'canary',
    FIRST_ADMIN_USERNAME: 'No Name',
  });
  expect(message).toContain('SESSION_SECRET');
  expect(message).toContain('FIRST_ADMIN_PASSWORD');
  expect(message).toContain('FIRST_ADMIN_USERNAME');
  expect(message).not.toContain('canary');
});
