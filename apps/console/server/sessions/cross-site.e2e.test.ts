import { afterAll, expect, test } from 'vitest';
import { password, runningConsole } from '../testing/running-console.ts';

const running = await runningConsole();
afterAll(() => running[Symbol.asyncDispose]());

const elsewhere: [string, Record<string, string>][] = [
  ['another site', { 'Sec-Fetch-Site': 'cross-site' }],
  ['a sibling host', { 'Sec-Fetch-Site': 'same-site' }],
  ['another origin, from an old browser', { Origin: 'https://evil.example' }],
  ['another port', { Origin: 'http://127.0.0.1:1' }],
  ['a sandboxed frame', { Origin: 'null' }],
  ['a rebound DNS name', { 'Sec-Fetch-Site': 'same-origin', Origin: 'http://rebound.example' }],
];

test.each(elsewhere)('a request from %s changes nothing', async (_name, headers) => {
  const cookie = await running.signIn('admin');
  await running.queues.invalidation.resume();
  const users = async () => (await running.accounts.list()).map(({ lastActedAt: _seen, ...user }) => user);
  const before = await users();
  for (const [method, path] of [
    ['POST', '/sign-in'],
    ['POST', '/sign-out'],
    ['POST', '/api/purges'],
    ['PUT', '/queues/api/queues/invalidation/pause'],
    ['PUT', '/api/me/password'],
    ['POST', '/api/users'],
    ['PATCH', '/api/users/viewer'],
    ['POST', '/api/users/viewer/password'],
    ['DELETE', '/api/users/viewer'],
    ['DELETE', '/api/users/admin/sessions'],
    ['DELETE', '/api/sessions'],
    ['PATCH', '/api/settings'],
  ] as const) {
    const form = { username: 'admin', password, what: 'all', confirm: 'yes', reason: 'because' };
    const answer = await running.call(method, path, { cookie, headers, form });
    expect([path, answer.status, answer.headers.getSetCookie()]).toEqual([path, 403, []]);
  }
  expect(await running.queues.invalidation.isPaused()).toBe(false);
  expect(running.worker.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
  expect(await users()).toEqual(before);
  expect((await running.call('GET', '/', { cookie })).status).toBe(200);
});

test.each<[string, (url: string) => Record<string, string>]>([
  ['its own pages', (url) => ({ 'Sec-Fetch-Site': 'same-origin', Origin: url })],
  [
    'its own pages by the other name of this machine',
    (url) => ({ Origin: url.replace('127.0.0.1', 'localhost') }),
  ],
  ['a program that is not a browser', () => ({})],
])('%s may sign in', async (_name, headers) => {
  expect(await running.signIn('viewer', headers(running.url))).toContain('console=');
});

test('a GET from another site is not refused as cross-site, but has no session', async () => {
  // With SameSite=Strict the browser sends no cookie.
  const answer = await running.call('GET', '/', { headers: { 'Sec-Fetch-Site': 'cross-site' } });
  expect(answer.status).toBe(401);
});
