import { afterAll, beforeAll, expect, test } from 'vitest';
import { password, runningConsole, type RunningConsole } from '../testing/running-console.ts';

let running: RunningConsole;
beforeAll(async () => {
  running = await runningConsole();
});
afterAll(() => running[Symbol.asyncDispose]());

const elsewhere: [string, Record<string, string>][] = [
  ['another site', { 'Sec-Fetch-Site': 'cross-site' }],
  ['a sister host', { 'Sec-Fetch-Site': 'same-site' }],
  ['another origin, from an old browser', { Origin: 'https://evil.example' }],
  ['another port', { Origin: 'http://127.0.0.1:1' }],
  ['a sandboxed frame', { Origin: 'null' }],
  ['a name that was rebound to us', { 'Sec-Fetch-Site': 'same-origin', Origin: 'http://rebound.example' }],
];

test.each(elsewhere)('nothing is changed for %s', async (_name, headers) => {
  const cookie = await running.signIn('admin');
  await running.queues.invalidation.resume();
  for (const [method, path] of [
    ['POST', '/sign-in'],
    ['POST', '/sign-out'],
    ['POST', '/purges'],
    ['PUT', '/queues/api/queues/invalidation/pause'],
  ] as const) {
    const form = { username: 'admin', password, what: 'all', confirm: 'yes', reason: 'because' };
    const answer = await running.call(method, path, { cookie, headers, form });
    expect([path, answer.status, answer.headers.getSetCookie()]).toEqual([path, 403, []]);
  }
  expect(await running.queues.invalidation.isPaused()).toBe(false);
  expect(running.worker.requests.filter(({ method }) => method === 'POST')).toEqual([]);
  expect((await running.call('GET', '/', { cookie })).status).toBe(200);
});

test.each<[string, (url: string) => Record<string, string>]>([
  ['its own pages', (url) => ({ 'Sec-Fetch-Site': 'same-origin', Origin: url })],
  [
    'its own pages by the other name of this machine',
    (url) => ({ Origin: url.replace('127.0.0.1', 'localhost') }),
  ],
  ['a program that is no browser', () => ({})],
])('%s may sign in', async (_name, headers) => {
  expect(await running.signIn('viewer', headers(running.url))).toContain('console=');
});

test('what only looks is let through from anywhere, and gets no session from there', async () => {
  // SameSite=Strict: the browser sends no cookie along.
  const answer = await running.call('GET', '/', { headers: { 'Sec-Fetch-Site': 'cross-site' } });
  expect(answer.status).toBe(401);
});
