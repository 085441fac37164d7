import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { userRoles, type UserProfile, type UserRole } from '@catalog/contracts';
import { forwarded } from '../services/forwarded.ts';
import { password, runningConsole, type RunningConsole } from '../testing/running-console.ts';

let running: RunningConsole;
beforeAll(async () => {
  running = await runningConsole();
  running.worker.answers['/v1/purges'] = { status: 200, body: '{"entries":1,"invalidated":1}' };
});
afterAll(() => running[Symbol.asyncDispose]());

const purge = { key: 'product:1', reason: 'a test' };

const allMay = { nobody: 401, viewer: 200, editor: 200, admin: 200 };
const nowhere = { nobody: 401, viewer: 404, editor: 404, admin: 404 };

/** The routes of the console itself. `queues.e2e.test.ts` checks those of the queue dashboard. */
const table: [string, string, Record<'nobody' | UserRole, number>][] = [
  ['GET', '/', allMay],
  ['GET', '/keys', allMay],
  ['GET', '/api/me', allMay],
  ['GET', '/api/state', allMay],
  ['GET', '/audit-log', allMay],
  ['GET', '/api/actions', allMay],
  ['GET', '/people', allMay],
  ['GET', '/settings', allMay],
  ['GET', '/api/sessions', allMay],
  ['GET', '/api/users', { nobody: 401, viewer: 403, editor: 403, admin: 200 }],
  ['GET', '/queues/', allMay],
  ['GET', '/no-such-address', nowhere],
  ['GET', '/api/no-such-address', nowhere],
  ['GET', '/api/break-it', nowhere],
  ['POST', '/api/break-it/cut-postgres', nowhere],
  ['DELETE', '/', { nobody: 401, viewer: 405, editor: 405, admin: 405 }],
  ['GET', '/sign-in', { nobody: 200, viewer: 303, editor: 303, admin: 303 }],
  ['GET', '/assets/page.css', { nobody: 200, viewer: 200, editor: 200, admin: 200 }],
  ['GET', '/assets/../server/main.ts', nowhere],
];

describe.each(['nobody', ...userRoles] as const)('%s', (who) => {
  test.each(table)('%s %s', async (method, path, expected) => {
    const cookie = who === 'nobody' ? undefined : await running.signIn(who);
    const answer = await running.call(method, path, { cookie });
    expect(answer.status).toBe(expected[who]);
  });

  test.each(forwarded)('$method $path', async ({ method, path, to, role }) => {
    const cookie = who === 'nobody' ? undefined : await running.signIn(who);
    const concrete = (pattern: string) => pattern.replace(/:\w+/, 'x');
    running.worker.answers[concrete(to)] = { status: 200, body: '{}' };
    running.worker.requests.length = 0;
    const answer = await running.call(method.toUpperCase(), concrete(path), {
      cookie,
      ...(method !== 'get' && { json: {} }),
    });
    const order = ['nobody', 'viewer', 'editor', 'admin'];
    const may = order.indexOf(who) >= order.indexOf(role);
    expect(answer.status).toBe(may ? 200 : who === 'nobody' ? 401 : 403);
    expect(running.worker.requests.filter(({ url }) => url === concrete(to))).toHaveLength(may ? 1 : 0);
  });
});

test('without a session a browser is sent to the sign-in page and later back, and a program gets a problem', async () => {
  const page = await running.call('GET', '/queues/queue/refresh?page=2', {
    headers: { Accept: 'text/html' },
  });
  expect(page.status).toBe(302);
  expect(page.headers.get('location')).toBe('/sign-in?next=%2Fqueues%2Fqueue%2Frefresh%3Fpage%3D2');
  const data = await running.call('GET', '/queues/api/queues');
  expect(data.headers.get('content-type')).toBe('application/problem+json');
});

test('an admin who loses the role can no longer act, at once', async () => {
  await running.accounts.put('fallen', password, 'admin');
  const answer = await running.call('POST', '/sign-in', { form: { username: 'fallen', password } });
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0];
  expect((await running.call('POST', '/api/purges', { cookie, json: purge })).status).toBe(200);
  await running.owner.query("update catalog.console_users set role = 'viewer' where username = 'fallen'");
  expect((await running.call('POST', '/api/purges', { cookie, json: purge })).status).toBe(403);
});

test.each([
  ['removed', async () => running.accounts.remove('leaver')],
  [
    'changed to another password',
    async () => running.accounts.put('leaver', 'another long password', 'admin'),
  ],
])('the sessions of a user who is %s end', async (_name, change) => {
  await running.accounts.put('leaver', password, 'viewer');
  const answer = await running.call('POST', '/sign-in', { form: { username: 'leaver', password } });
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0];
  expect((await running.call('GET', '/', { cookie })).status).toBe(200);
  await change();
  expect((await running.call('GET', '/', { cookie })).status).toBe(401);
});

test('while Postgres does not answer, an admin can look but not act', async () => {
  const cookie = await running.signIn('admin');
  await running.owner.query('revoke select on catalog.console_users from console');
  try {
    const me = await running.call('GET', '/api/me', { cookie });
    expect(await me.json()).toEqual({
      username: 'admin',
      role: 'viewer',
      confirmed: false,
      breaksStack: false,
    });
    expect((await running.call('POST', '/api/purges', { cookie, json: purge })).status).toBe(503);
    const pause = await running.call('PUT', '/queues/api/queues/refresh/pause', { cookie });
    expect([pause.status, await running.queues.refresh.isPaused()]).toEqual([503, false]);
  } finally {
    await running.owner.query('grant select on catalog.console_users to console');
  }
});

test('a cached profile with the role admin does not let a viewer act', async () => {
  await using forged = await runningConsole({
    findProfile: async (id) => {
      const profile = await forged.accounts.find(id);
      return profile === null ? null : { ...profile, role: 'admin' };
    },
  });
  const cookie = await forged.signIn('viewer');
  expect((await forged.call('POST', '/api/purges', { cookie, json: purge })).status).toBe(403);
  const pause = await forged.call('PUT', '/queues/api/queues/refresh/pause', { cookie });
  expect([pause.status, await forged.queues.refresh.isPaused()]).toEqual([403, false]);
  expect(forged.worker.requests.filter(({ url }) => url === '/v1/purges')).toEqual([]);
});

test('a session from before a password change cannot act, even while a cached profile still lets it look', async () => {
  let cached: UserProfile | null = null;
  await using late = await runningConsole({
    findProfile: async (id) => (cached ??= await late.accounts.find(id)),
  });
  const cookie = await late.signIn('admin');
  expect((await late.call('GET', '/', { cookie })).status).toBe(200);
  await late.accounts.put('admin', 'another long password', 'admin');
  expect((await late.call('GET', '/', { cookie })).status).toBe(200);
  expect((await late.call('POST', '/api/purges', { cookie, json: purge })).status).toBe(403);
  expect(late.worker.requests.filter(({ url }) => url === '/v1/purges')).toEqual([]);
});
