import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, expect, test } from 'vitest';
import { runningConsole } from './testing/running-console.ts';

/** Each test starts several processes, and on a busy machine one takes seconds. */
const patience_ms = 90_000;

const running = await runningConsole();
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
  'the command line creates, lists, changes and removes a user',
  async () => {
    const form = { username: 'ann@example.com', password: 'a password for ann' };
    const signIn = async (): Promise<number> => (await running.call('POST', '/sign-in', { form })).status;
    expect(await users(['put', 'Ann@example.com', '--role', 'viewer'], `${form.password}\n`)).toEqual({
      code: 0,
      out: 'created ann@example.com (viewer)\n',
      err: '',
    });
    expect(await signIn()).toBe(303);
    expect((await users(['list'])).out).toMatch(/^ann@example\.com {2}viewer {2}\d{4}-/m);
    expect((await users(['put', 'ann@example.com', '--role', 'admin'], 'another password')).out).toContain(
      'changed',
    );
    expect(await signIn()).toBe(401);
    await users(['put', 'second', '--role', 'admin'], 'a third password');
    expect((await users(['remove', 'ann@example.com'])).code).toBe(0);
    expect((await users(['list'])).out).not.toContain('ann');
  },
  patience_ms,
);

test.each([
  [
    ['put', 'bob', '--role', 'owner'],
    'long enough for all',
    'The role must be one of: admin, editor, viewer.',
  ],
  [['put', 'bob'], 'short', 'must have 12 to 256 characters'],
  [['put', 'No Name'], 'long enough for all', 'A user name has'],
  [['remove', 'bob'], '', 'There is no user bob.'],
  [['frob'], '', 'Use: list | put NAME'],
  [['list', '--frob'], '', "Unknown option '--frob'"],
])(
  'the command %j is refused with a reason and without a stack',
  async (args, input, reason) => {
    const { code, err } = await users(args, input);
    expect(code).toBe(1);
    expect(err).toContain(reason);
    expect(err).not.toMatch(/^ +at /m);
    expect((await users(['list'])).out).not.toContain('bob');
  },
  patience_ms,
);

test(
  'the only admin is neither removed nor made something else, not even by two at once',
  async () => {
    const { accounts, owner } = running;
    await owner.query("update catalog.console_users set role = 'viewer'");
    for (const name of ['one', 'two']) await accounts.put(name, 'a long password', 'admin');
    const both = await Promise.allSettled([
      accounts.remove('one'),
      accounts.put('two', 'a long password', 'viewer'),
    ]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const admins = (await accounts.list()).filter(({ role }) => role === 'admin');
    expect(admins).toHaveLength(1);
    const last = admins[0]?.username ?? '';
    for (const args of [
      ['remove', last],
      ['put', last, '--role', 'editor'],
    ]) {
      const { code, err } = await users(args, 'a long password');
      expect(code).toBe(1);
      expect(err).toBe(
        `${last} is the only admin. Make another user an admin first: npm run users -- put NAME --role admin\n`,
      );
    }
    expect((await users(['put', last, '--role', 'admin'], 'another long password')).code).toBe(0);
  },
  patience_ms,
);

test('without a database URL the command line names the missing variable', async () => {
  expect((await users(['list'], '', '')).err).toContain('DATABASE_URL: must be set');
});

test('the first admin is created once, and never again', async () => {
  await running.owner.query('delete from catalog.console_users');
  const created = await Promise.all(
    [1, 2, 3].map(() => running.accounts.createFirstAdmin('admin', 'the first password')),
  );
  expect(created.filter(Boolean)).toHaveLength(1);
  expect(await running.accounts.createFirstAdmin('other', 'another password')).toBe(false);
  expect(await running.accounts.list()).toMatchObject([{ username: 'admin', role: 'admin' }]);
});
