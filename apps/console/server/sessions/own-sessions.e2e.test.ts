import { createHash, randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import type { SessionData } from 'express-session';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { runningConsole } from '../testing/running-console.ts';
import { type OpenSession, sessionLimits, SessionStore } from './session-store.ts';

const running = await runningConsole();
afterAll(() => running[Symbol.asyncDispose]());
beforeEach(() => running.redis.flushall());

const firefox = { 'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0' };
const look = async (cookie: string): Promise<number> => (await running.call('GET', '/', { cookie })).status;
const idIn = (cookie: string): string => /s:([\w-]+)\./.exec(decodeURIComponent(cookie))?.[1] ?? '';
const nameOf = (cookie: string): string => createHash('sha256').update(idIn(cookie)).digest('base64url');

async function list(cookie: string): Promise<(OpenSession & { isThis: boolean })[]> {
  const answer = await running.call('GET', '/api/sessions', { cookie });
  const text = await answer.text();
  expect([answer.status, text]).toEqual([200, expect.not.stringContaining(idIn(cookie))]);
  return (JSON.parse(text) as { data: (OpenSession & { isThis: boolean })[] }).data;
}
const end = (cookie: string, name = ''): Promise<Response> =>
  running.call('DELETE', name === '' ? '/api/sessions' : `/api/sessions/${name}`, { cookie });

test('people see their own sessions, the newest first, by browser, times and a hash, and which one is this', async () => {
  const old = await running.signIn('viewer', firefox);
  const signedInAt = new Date(running.clock.now()).toISOString();
  await running.clock.advance(60_000);
  const fresh = await running.signIn('viewer');
  await running.signIn('editor');
  const seenAt = new Date(running.clock.now()).toISOString();
  expect(await list(fresh)).toEqual([
    {
      name: nameOf(fresh),
      browser: 'Unknown browser',
      signedInAt: seenAt,
      lastSeenAt: seenAt,
      isThis: true,
    },
    {
      name: nameOf(old),
      browser: 'Firefox on Linux',
      signedInAt,
      lastSeenAt: signedInAt,
      isThis: false,
    },
  ]);
  expect(await look(old)).toBe(200);
  expect((await list(fresh))[1]).toMatchObject({ signedInAt, lastSeenAt: seenAt });
});

test('a person ends one session, or all others', async () => {
  const [here, one, two, three] = [
    await running.signIn('viewer'),
    await running.signIn('viewer'),
    await running.signIn('viewer'),
    await running.signIn('viewer'),
  ];
  expect((await end(here, nameOf(one))).status).toBe(204);
  expect([await look(here), await look(one), await look(two)]).toEqual([200, 401, 200]);
  expect(await (await end(here)).json()).toEqual({ ended: 2 });
  expect([await look(here), await look(two), await look(three)]).toEqual([200, 401, 401]);
  expect((await list(here)).map(({ name }) => name)).toEqual([nameOf(here)]);
});

test('nobody ends or sees a session of another, an admin included', async () => {
  const viewer = await running.signIn('viewer');
  for (const role of ['editor', 'admin'] as const) {
    const other = await running.signIn(role);
    expect((await end(other, nameOf(viewer))).status).toBe(404);
    await end(other);
    expect((await list(other)).map(({ name }) => name)).toEqual([nameOf(other)]);
    expect(await look(viewer)).toBe(200);
  }
});

test.each(['x', 'x'.repeat(43)])('a name that no session has is refused: %s', async (name) => {
  const answer = await end(await running.signIn('viewer'), name);
  expect(answer.status).toBe(name.length === 43 ? 404 : 400);
});

test('without a session nothing is shown or ended', async () => {
  for (const [method, path] of [
    ['GET', '/api/sessions'],
    ['DELETE', '/api/sessions'],
    ['DELETE', `/api/sessions/${'x'.repeat(43)}`],
  ] as const)
    expect((await running.call(method, path)).status).toBe(401);
});

test('who ended which session is in the audit log', async () => {
  const [here, other] = [await running.signIn('editor'), await running.signIn('editor', firefox)];
  await end(here, nameOf(other));
  await expect
    .poll(running.lastAction)
    .toMatchObject({ user: 'editor', action: 'session.end', target: 'Firefox on Linux', status: 204 });
  await end(here);
  await expect.poll(running.lastAction).toMatchObject({ user: 'editor', action: 'session.end-others' });
});

test('a session that ends by itself or by a sign-out leaves the list', async () => {
  const idle = await running.signIn('viewer');
  await running.clock.advance(sessionLimits.idle_ms / 2);
  const here = await running.signIn('viewer');
  const left = await running.signIn('viewer');
  expect(await list(here)).toHaveLength(3);
  await running.call('POST', '/sign-out', { cookie: left });
  await running.clock.advance(sessionLimits.idle_ms / 2 + 1);
  expect((await list(here)).map(({ name }) => name)).toEqual([nameOf(here)]);
  const [key = ''] = await running.redis.keys('session:of:*');
  expect(await running.redis.zcard(key)).toBe(1);
  expect(await look(idle)).toBe(401);
});

test('one person has a limited number of sessions: a further one ends the oldest', async () => {
  const store = new SessionStore(running.redis, running.clock);
  const account = { id: randomUUID(), passwordChangedAt: new Date(running.clock.now()).toISOString() };
  const begin = promisify<string, SessionData>(store.set.bind(store));
  const names: string[] = [];
  for (let count = 0; count < sessionLimits.perUser + 2; count++) {
    const id = randomUUID();
    await running.clock.advance(1);
    await begin(id, {
      cookie: {},
      signedIn: {
        accountId: account.id,
        username: 'busy',
        passwordChangedAt: account.passwordChangedAt,
        browser: 'curl',
        at_ms: running.clock.now(),
      },
    } as unknown as SessionData);
    names.unshift(createHash('sha256').update(id).digest('base64url'));
  }
  const kept = names.slice(0, sessionLimits.perUser);
  expect((await store.ofUser(account)).map(({ name }) => name)).toEqual(kept);
  const stored = async () => (await running.redis.keys('session:*')).length;
  expect(await stored()).toBe(sessionLimits.perUser + 1);
  expect(await store.endAll(account.id, kept[0])).toBe(sessionLimits.perUser - 1);
  expect(await store.endAll(account.id)).toBe(1);
  expect(await stored()).toBe(0);
});
