import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { authConfig, baseConfig, databaseConfig } from './base.ts';
import { ConfigError, defineConfig, type Environment } from './define.ts';
import { integer, secret } from './values.ts';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'catalog-config-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function mistakesOf(shape: Parameters<typeof defineConfig>[0], environment: Environment): readonly string[] {
  try {
    defineConfig(shape, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
}

test('values are checked and typed, and defaults apply only to what is unset', () => {
  const config = defineConfig(
    { ...baseConfig, ...authConfig },
    { PORT: '4001', LOG_LEVEL: '', SERVICE_JWKS_FILE: 'keys.json', TRUSTED_PROXIES: '10.0.0.0/8, 127.0.0.1' },
  );
  expect(config).toEqual({
    PORT: 4001,
    HOST: '127.0.0.1',
    LOG_LEVEL: 'info',
    TRUSTED_PROXIES: ['10.0.0.0/8', '127.0.0.1'],
    KEEP_ALIVE_SECONDS: 75,
    SERVICE_JWKS_FILE: 'keys.json',
    SERVICE_AUDIENCE: undefined,
    ALLOW_ANONYMOUS_READS: false,
  });
});

test('every mistake is reported at once, with name, rule and the value given', () => {
  const mistakes = mistakesOf(
    { ...baseConfig, ...databaseConfig, ...authConfig },
    { PORT: '4001x', LOG_LEVEL: 'loud', DATABASE_URL: 'mysql://host/db', ALLOW_ANONYMOUS_READS: 'yes' },
  );
  expect(mistakes).toHaveLength(5);
  expect(mistakes.join('\n')).toMatch(/^PORT: must be a whole number \(given: "4001x"\)$/m);
  expect(mistakes.join('\n')).toMatch(/^LOG_LEVEL: .*info.*\(given: "loud"\)$/m);
  expect(mistakes.join('\n')).toMatch(
    /^DATABASE_URL: must be a URL that starts with postgres:\/\/.*\(given: "mysql:\/\/host\/db"\)$/m,
  );
  expect(mistakes.join('\n')).toMatch(/^SERVICE_JWKS_FILE: must be set$/m);
  expect(mistakes.join('\n')).toMatch(/^ALLOW_ANONYMOUS_READS: must be "true" or "false" \(given: "yes"\)$/m);
});

test.each(['1e3', ' 4001', '0x10', '65536', '-1', '4001.5', 'NaN'])(
  'PORT=%j is a mistake, not a number and not the default',
  (value) => {
    expect(mistakesOf({ PORT: baseConfig.PORT }, { PORT: value })).toHaveLength(1);
  },
);

test('secrets come from files too, and are shown nowhere', () => {
  const file = join(directory, 'session-key');
  writeFileSync(file, 'canary-from-file\n');
  const shape = { SESSION_KEY: secret(z.string().min(8)), LIMIT: integer({ min: 1, max: 9 }).optional() };
  expect(defineConfig(shape, { SESSION_KEY_FILE: file })).toEqual({
    SESSION_KEY: 'canary-from-file',
    LIMIT: undefined,
  });
  expect(mistakesOf(shape, { SESSION_KEY: 'canary' }).join()).toBe(
    'SESSION_KEY: must have at least 8 characters (the value is secret)',
  );
  expect(mistakesOf(shape, { SESSION_KEY: 'a', SESSION_KEY_FILE: file })).toEqual([
    'SESSION_KEY: both SESSION_KEY and SESSION_KEY_FILE are set; set one',
  ]);
  expect(mistakesOf(shape, { SESSION_KEY_FILE: join(directory, 'none') })[0]).toContain(
    'cannot be read (ENOENT',
  );
});

test('a wrong URL is shown without its password', () => {
  const [mistake] = mistakesOf(
    { URL: databaseConfig.DATABASE_URL },
    { URL: 'postgre://user:canary@host/db' },
  );
  expect(mistake).toContain('postgre://user:***@host/db');
  expect(mistake).not.toContain('canary');
});
