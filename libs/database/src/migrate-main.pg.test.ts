/** The command that the migration job of a deployment runs. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from './postgres/pool.ts';

const folder = mkdtempSync(join(tmpdir(), 'migrate-main-'));
let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(env: Record<string, string>): Promise<Outcome> {
  const main = join(import.meta.dirname, 'migrate-main.ts');
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [main], { env });
    return { code: 0, stdout, stderr };
  } catch (error) {
    return error as Outcome;
  }
}

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

test('with settings from files it migrates the schema and lets the named roles sign in', async () => {
  const role = `only_${database.name}`;
  const owner = createPool({ url: database.url, applicationName: 'test' });
  await owner.query(`create role ${role} nologin`);
  const url = new URL(database.url);
  url.username = role;
  url.password = 'for-this-test';
  const pool = createPool({ url: url.href, applicationName: 'test' });
  try {
    await expect(pool.query('select 1')).rejects.toMatchObject({ code: '28P01' });
    const outcome = await run({
      DATABASE_DIRECT_URL_FILE: file('url', `${database.url}\n`),
      LOGINS_FILE: file('logins.json', JSON.stringify({ [role]: 'for-this-test' })),
    });
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(outcome.stdout).toContain('the schema is current');
    expect(outcome.stdout).not.toContain('for-this-test');
    expect((await pool.query('select 1')).rowCount).toBe(1);
  } finally {
    await pool.end();
    await owner.query(`drop role ${role}`);
    await owner.end();
  }
});

test.each<[string, Record<string, string>, string]>([
  ['no URL', {}, 'DATABASE_DIRECT_URL or DATABASE_DIRECT_URL_FILE must be set'],
  [
    'a file that is not there',
    { DATABASE_DIRECT_URL_FILE: '/nowhere/url' },
    'DATABASE_DIRECT_URL_FILE: /nowhere/url cannot be read (ENOENT)',
  ],
  [
    'logins that are not JSON',
    { DATABASE_DIRECT_URL: 'postgres://x', LOGINS_FILE: file('bad.json', 'canary') },
    'LOGINS_FILE: it must hold a JSON object of passwords by role',
  ],
])('%s is reported in one line', async (_name, env, message) => {
  const { code, stderr } = await run(env);
  expect([code, stderr.trim().split('\n').length]).toEqual([2, 1]);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain('canary');
});

test('logins of a role that does not exist fail, and the error names the role', async () => {
  const { code, stderr } = await run({
    DATABASE_DIRECT_URL: database.url,
    LOGINS_FILE: file('unknown.json', '{"nobody_here":"x"}'),
  });
  expect([code, stderr]).toEqual([1, 'Error: there is no role nobody_here: migrate first\n']);
});
