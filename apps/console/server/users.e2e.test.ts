import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runningConsole, type RunningConsole } from './testing/running-console.ts';

/** Each test starts several processes, and a busy machine takes seconds for one. */
const patience_ms = 90_000;

let running: RunningConsole;
beforeAll(async () => {
  running = await runningConsole();
});
afterAll(() => running[Symbol.asyncDispose]());

async function users(
  args: readonly string[],
  input = '',
  DATABASE_URL = running.database.urlFor('console'),
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'users-main.ts'), ...args], {
    env: { ...process.env, DATABASE_URL },
  });
  child.stdin.end(input);
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: child.exitCode, out, err };
}

test(
  'a user is made, listed, changed and removed from the command line',
  async () => {
    const form = { username: 'ann@example.com', password: 'a password for ann' };
    const signIn = async (): Promise<number> => (await running.call('POST', '/sign-in', { form })).status;
    expect(await users(['put', 'Ann@example.com', '--role', 'viewer'], `${form.password}\n`)).toEqual({
      code: 0,
      out: 'ann@example.com (viewer) is made\n',
      err: '',
    });
    expect(await signIn()).toBe(303);
    expect((await users(['list'])).out).toMatch(/^ann@example\.com {2}viewer {2}\d{4}-/m);
    expect((await users(['put', 'ann@example.com', '--role', 'admin'], 'another password')).out).toContain(
      'changed',
    );
    expect(await signIn()).toBe(401);
    expect((await users(['remove', 'ann@example.com'])).code).toBe(0);
    expect((await users(['list'])).out).not.toContain('ann');
  },
  patience_ms,
);

test.each([
  [['put', 'bob', '--role', 'owner'], 'long enough for all', 'The role is one of admin, viewer.'],
  [['put', 'bob'], 'short', 'must have 12 to 256 characters'],
  [['put', 'No Name'], 'long enough for all', 'A user name has'],
  [['remove', 'bob'], '', 'There is no user bob.'],
  [['frob'], '', 'Say list, put NAME'],
  [['list', '--frob'], '', "Unknown option '--frob'"],
])(
  '%j is refused in words',
  async (args, input, words) => {
    const { code, err } = await users(args, input);
    expect(code).toBe(1);
    expect(err).toContain(words);
    expect(err).not.toMatch(/^ +at /m);
    expect((await users(['list'])).out).not.toContain('bob');
  },
  patience_ms,
);

test('without a database URL it says which variable is missing', async () => {
  expect((await users(['list'], '', '')).err).toContain('DATABASE_URL: must be set');
});

test('the first admin is made once, and never again', async () => {
  await running.owner.query('delete from catalog.console_users');
  const made = await Promise.all(
    [1, 2, 3].map(() => running.accounts.putFirstAdmin('admin', 'the first password')),
  );
  expect(made.filter(Boolean)).toHaveLength(1);
  expect(await running.accounts.putFirstAdmin('other', 'another password')).toBe(false);
  expect(await running.accounts.list()).toMatchObject([{ username: 'admin', role: 'admin' }]);
});
