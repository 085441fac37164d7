import { userRoles, type Problem, type UserRole } from '@catalog/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { cookieOf, password, runningConsole, type RunningConsole } from '../testing/running-console.ts';

let running: RunningConsole;
let admin = '';
beforeAll(async () => {
  running = await runningConsole();
  running.worker.answers['/v1/settings'] = { status: 200, body: '{}' };
  running.worker.answers['/v1/purges'] = { status: 200, body: '{}' };
  admin = await running.signIn('admin');
});
afterAll(() => running[Symbol.asyncDispose]());
beforeEach(async () => {
  await running.accounts.put('ann', password, 'editor');
});

async function signInAs(username: string, secret = password, on = running): Promise<string> {
  const answer = await on.call('POST', '/sign-in', { form: { username, password: secret } });
  expect(answer.status).toBe(303);
  return cookieOf(answer) ?? '';
}
const act = (method: string, path: string, json?: unknown, cookie = admin): Promise<Response> =>
  running.call(method, path, { cookie, ...(json !== undefined && { json }) });
const look = async (cookie: string, on = running): Promise<number> =>
  (await on.call('GET', '/', { cookie })).status;
const roleOf = async (username: string): Promise<UserRole | undefined> =>
  (await running.accounts.list()).find((user) => user.username === username)?.role;

const calls: [method: string, path: string, json?: unknown][] = [
  ['GET', '/api/users'],
  ['POST', '/api/users', { username: 'mallory', role: 'admin', password: 'a long password' }],
  ['PATCH', '/api/users/ann', { role: 'admin' }],
  ['POST', '/api/users/ann/password', { password: 'a long password' }],
  ['DELETE', '/api/users/ann/sessions'],
  ['DELETE', '/api/users/ann'],
  ['PATCH', '/api/settings', { storeName: 'Mine' }],
];

describe.each(['nobody', 'viewer', 'editor'] as const)('%s', (who) => {
  test.each(calls)('may not %s %s', async (method, path, json) => {
    const ann = await signInAs('ann');
    const before = await running.accounts.list();
    running.worker.requests.length = 0;
    const cookie = who === 'nobody' ? undefined : await running.signIn(who);
    const answer = await running.call(method, path, { cookie, ...(json !== undefined && { json }) });
    expect(answer.status).toBe(who === 'nobody' ? 401 : 403);
    const without = (users: typeof before) => users.map(({ lastActedAt: _seen, ...user }) => user);
    expect(without(await running.accounts.list())).toEqual(without(before));
    expect(running.worker.requests.filter((asked) => asked.method === 'PATCH')).toEqual([]);
    expect(await look(ann)).toBe(200);
  });
});

test('an admin may save the settings', async () => {
  expect((await act('PATCH', '/api/settings', { storeName: 'Ours' })).status).toBe(200);
});

test('a generated password is shown once, signs in, and is in no log', async () => {
  const answer = await act('POST', '/api/users', { username: ' Ben ', role: 'viewer' });
  const { username, password: made = '' } = (await answer.json()) as { username: string; password?: string };
  expect([answer.status, username]).toEqual([201, 'ben']);
  expect(made).toMatch(/^[\w-]{24}$/);
  expect(await look(await signInAs('ben', made))).toBe(200);
  const reset = await act('POST', '/api/users/ben/password', {});
  const { password: second = '' } = (await reset.json()) as { password?: string };
  expect(await look(await signInAs('ben', second))).toBe(200);
  await expect.poll(running.lastAction).toMatchObject({ user: 'ben', action: 'session.sign-in' });
  const list = await (await act('GET', '/api/users')).text();
  const { rows } = await running.owner.query<{ text: string }>(
    'select a::text as text from catalog.console_actions a',
  );
  const written = [list, ...running.logLines, ...rows.map(({ text }) => text)].join('\n');
  for (const secret of [made, second, 'argon2']) expect(written).not.toContain(secret);
});

test('an admin sets the password of a new person', async () => {
  const json = { username: 'cleo', role: 'editor', password: 'chosen by an admin' };
  const answer = await act('POST', '/api/users', json);
  expect([answer.status, await answer.json()]).toEqual([201, { username: 'cleo' }]);
  await signInAs('cleo', json.password);
});

test.each<[string, unknown, string, RegExp]>([
  ['/api/users', { username: 'No Name', role: 'viewer' }, '/username', /begin with a letter or digit/],
  ['/api/users', { username: 'dan', role: 'owner' }, '/role', /one of: admin, editor, viewer/],
  ['/api/users', { username: 'dan', role: 'viewer', password: 'short' }, '/password', /at least 12/],
  ['/api/users', { role: 'viewer' }, '/username', /is required/],
  ['/api/users/ann/password', { password: 'x'.repeat(257) }, '/password', /at most 256/],
])('%s with %j names the field and the rule, and changes nothing', async (path, json, pointer, rule) => {
  const before = (await running.accounts.list()).length;
  const answer = await act('POST', path, json);
  const { errors } = (await answer.json()) as Problem;
  expect(answer.status).toBe(400);
  expect(errors).toMatchObject([{ pointer, message: expect.stringMatching(rule) as string }]);
  expect((await running.accounts.list()).length).toBe(before);
  await signInAs('ann');
});

test('a name that is taken is a conflict that names the field, and the person stays as before', async () => {
  const json = { username: 'ann', role: 'admin', password: 'a long password' };
  const answer = await act('POST', '/api/users', json);
  expect([answer.status, await answer.json()]).toEqual([
    409,
    expect.objectContaining({ errors: [expect.objectContaining({ pointer: '/username' })] }),
  ]);
  expect(await roleOf('ann')).toBe('editor');
  await signInAs('ann');
});

test.each([
  ['PATCH', '/api/users/nobody-here', { role: 'viewer' }],
  ['POST', '/api/users/nobody-here/password', {}],
  ['DELETE', '/api/users/nobody-here', undefined],
  ['DELETE', '/api/users/nobody-here/sessions', undefined],
])('%s %s says that there is no such person', async (method, path, json) => {
  const answer = await act(method, path, json);
  expect([answer.status, await answer.text()]).toEqual([
    404,
    expect.stringContaining('There is no user nobody-here.'),
  ]);
});

test.each([
  ['PATCH', { role: 'viewer' }],
  ['DELETE', undefined],
])('the last admin is safe from %s, and the answer names the rule', async (method, json) => {
  const answer = await act(method, '/api/users/admin', json);
  const { detail } = (await answer.json()) as Problem;
  expect(answer.status).toBe(409);
  expect(detail).toBe(
    'admin is the only admin. One admin must remain: make another user an admin first. Nothing was changed.',
  );
  expect(await roleOf('admin')).toBe('admin');
  expect(await look(admin)).toBe(200);
});

test('a new role counts at once, in a session that is open', async () => {
  const ann = await signInAs('ann');
  const shown = async () =>
    ((await (await act('GET', '/api/me', undefined, ann)).json()) as { role: UserRole }).role;
  const purge = async () =>
    (await act('POST', '/api/purges', { key: 'product:1', reason: 'a test' }, ann)).status;
  expect([await shown(), await purge()]).toEqual(['editor', 403]);
  for (const [role, status] of [
    ['admin', 200],
    ['viewer', 403],
  ] as const) {
    expect((await act('PATCH', '/api/users/ann', { role })).status).toBe(204);
    expect([await shown(), await purge()]).toEqual([role, status]);
  }
});

test.each<[string, string, string, unknown]>([
  ['is removed', 'DELETE', '/api/users/viewer', undefined],
  ['gets a new password', 'POST', '/api/users/viewer/password', { password: 'another long password' }],
  ['is signed out everywhere', 'DELETE', '/api/users/viewer/sessions', undefined],
])(
  'the sessions of a person who %s end at once, whatever a cache says',
  async (_name, method, path, json) => {
    const cached = new Map<string, Awaited<ReturnType<RunningConsole['accounts']['find']>>>();
    await using late = await runningConsole({
      findProfile: async (id) => {
        if (!cached.has(id)) cached.set(id, await late.accounts.find(id));
        return cached.get(id) ?? null;
      },
    });
    const sessions = [await late.signIn('viewer'), await late.signIn('viewer')];
    const other = await late.signIn('editor');
    for (const cookie of [...sessions, other]) expect(await look(cookie, late)).toBe(200);
    const cookie = await late.signIn('admin');
    const answer = await late.call(method, path, { cookie, ...(json !== undefined && { json }) });
    expect(answer.ok).toBe(true);
    for (const ended of sessions) expect(await look(ended, late)).toBe(401);
    for (const kept of [other, cookie]) expect(await look(kept, late)).toBe(200);
  },
);

test('an admin with a new password stays signed in under a new session, and only there', async () => {
  await running.accounts.put('second', password, 'admin');
  const [here, elsewhere] = [await signInAs('second'), await signInAs('second')];
  const json = { password: 'another long password' };
  const answer = await act('POST', '/api/users/second/password', json, here);
  const fresh = cookieOf(answer) ?? '';
  expect(answer.status).toBe(200);
  expect([await look(fresh), await look(here), await look(elsewhere)]).toEqual([200, 401, 401]);
  await running.accounts.remove('second');
});

test('all users can change their own password, but only with the present one', async () => {
  const [here, elsewhere] = [await signInAs('ann'), await signInAs('ann')];
  const change = (present: string, secret: string) =>
    act('PUT', '/api/me/password', { present, password: secret }, here);
  for (const [answer, pointer] of [
    [await change('not the present one', 'another long password'), '/present'],
    [await change(password, 'short'), '/password'],
  ] as const) {
    const { errors } = (await answer.json()) as Problem;
    expect([answer.status, errors]).toMatchObject([400, [{ pointer }]]);
  }
  expect(await look(elsewhere)).toBe(200);
  const answer = await change(password, 'another long password');
  const fresh = cookieOf(answer) ?? '';
  expect(answer.status).toBe(204);
  expect([await look(fresh), await look(here), await look(elsewhere)]).toEqual([200, 401, 401]);
  await signInAs('ann', 'another long password');
  await expect
    .poll(() => running.logLines.filter((line) => line.includes('"user.password"')).at(-1))
    .toContain('"ann"');
});

test('guesses of the present password are counted as those at the sign-in', async () => {
  const once = { points: 1, duration_s: 60 };
  await using strict = await runningConsole({
    throttle: { pair: once, account: once, address: once },
  });
  const cookie = await strict.signIn('viewer');
  const guess = async () => {
    const json = { present: 'a guess', password: 'another long password' };
    return (await strict.call('PUT', '/api/me/password', { cookie, json })).status;
  };
  expect([await guess(), await guess()]).toEqual([400, 429]);
});

test('the live stream of a removed person ends, although no further request comes', async () => {
  const ann = await signInAs('ann');
  const gone = new AbortController();
  onTestFinished(() => gone.abort());
  const stream = await fetch(`${running.url}/api/live`, { headers: { Cookie: ann }, signal: gone.signal });
  const ended = stream.text();
  await running.accounts.remove('ann');
  expect(await ended).toContain('retry: 1000');
});

test('the list says who was seen when, and how many sessions are open', async () => {
  await running.accounts.put('dora', password, 'viewer');
  const seen = async () => {
    const { data } = (await (await act('GET', '/api/users')).json()) as { data: { username: string }[] };
    return data.find(({ username }) => username === 'dora');
  };
  expect(await seen()).toMatchObject({ role: 'viewer', lastSeenAt: null, sessions: 0 });
  const cookie = await signInAs('dora');
  await signInAs('dora');
  const at = new Date(running.clock.now()).toISOString();
  expect(await seen()).toMatchObject({ lastSeenAt: expect.any(String) as string, sessions: 2 });
  expect(((await seen()) as unknown as { lastSeenAt: string }).lastSeenAt >= at).toBe(true);
  await running.call('POST', '/sign-out', { cookie });
  expect(await seen()).toMatchObject({ sessions: 1 });
});

test('each action is in the audit log with who, on whom and how it ended', async () => {
  await act('POST', '/api/users', { username: 'eve', role: 'viewer' });
  await act('PATCH', '/api/users/eve', { role: 'editor' });
  await act('POST', '/api/users/eve/password', {});
  await act('DELETE', '/api/users/eve/sessions');
  await act('DELETE', '/api/users/eve');
  await act('DELETE', '/api/users/eve');
  const stored = async () => {
    const { rows } = await running.owner.query<{ line: string }>(
      "select concat_ws(' ', username, action, target, status, detail) as line from catalog.console_actions where target = 'eve'",
    );
    return rows.map(({ line }) => line);
  };
  await expect
    // They are stored after their answers, and a busy machine is slow.
    .poll(async () => (await stored()).toSorted(), { timeout: 10_000 })
    .toEqual(
      [
        'admin user.create eve 201 {"role": "viewer"}',
        'admin user.role eve 204 {"role": "editor"}',
        'admin user.password eve 200',
        'admin user.sign-out eve 200',
        'admin user.remove eve 204',
        'admin user.remove eve 404',
      ].toSorted(),
    );
});

test('every role can be given', async () => {
  for (const role of userRoles) {
    expect((await act('PATCH', '/api/users/ann', { role })).status).toBe(204);
    expect(await roleOf('ann')).toBe(role);
  }
});
