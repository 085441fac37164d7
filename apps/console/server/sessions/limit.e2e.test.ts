import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { streamLimits } from '../live/routes.ts';
import { runningConsole, type RunningConsole } from '../testing/running-console.ts';

let running: RunningConsole;
beforeAll(async () => {
  running = await runningConsole({ requestsOfPerson: 20 });
});
afterAll(() => running[Symbol.asyncDispose]());

test('a person above the limit is refused, in all sessions, and nobody else', async () => {
  const [first, second] = [await running.signIn('viewer'), await running.signIn('viewer')];
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, n) =>
      running.call(n % 2 === 0 ? 'GET' : 'DELETE', '/api/me', { cookie: n % 3 === 0 ? first : second }),
    ),
  );
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(20);
  expect(refused[0]?.headers.get('retry-after')).toMatch(/^\d+$/);
  const admin = await running.signIn('admin');
  expect((await running.call('GET', '/api/me', { cookie: admin })).status).toBe(200);
});

test('a person who reads many products at once cannot use up what catalog-read answers to the console', async () => {
  const cookie = await running.signIn('editor');
  const ids = Array.from({ length: 100 }, () => randomUUID()).join(',');
  const statuses = [];
  for (let n = 0; n < 3; n += 1)
    statuses.push((await running.call('GET', `/api/products?ids=${ids}`, { cookie })).status);
  expect(statuses.map((status) => status === 429)).toEqual([false, false, true]);
});

test.each([
  ['looks at the readers of a key', 'GET', '/readers', {}],
  ['follows each of its changes', 'PATCH', '', { follow: 'true' }],
])(
  'a person who %s cannot use up the views of keys that catalog-read answers to the console',
  async (_what, method, below, headers) => {
    // Each test counts in a window of its own, for a person of its own.
    await using lonely = await runningConsole({ requestsOfPerson: 20 });
    const cookie = await lonely.signIn('editor');
    const path = `/api/products/${randomUUID()}${below}`;
    const json = method === 'PATCH' ? {} : undefined;
    const statuses = [];
    for (let n = 0; n < 2; n += 1)
      statuses.push((await lonely.call(method, path, { cookie, headers, json })).status);
    expect(statuses.map((status) => status === 429)).toEqual([false, true]);
  },
);

test('a person with many slow searches is refused more of them, and nobody else', async () => {
  await using lonely = await runningConsole();
  const [greedy, other] = [await lonely.signIn('viewer'), await lonely.signIn('editor')];
  const search = (cookie: string) => lonely.call('GET', '/api/products?q=lamp', { cookie });
  // The scripted catalog-read knows no products: no cache answers.
  const answers = await Promise.all(Array.from({ length: 40 }, () => search(greedy)));
  expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThan(0);
  expect((await search(other)).status).toBe(404);
});

test('a person has a few streams at once, live ones and followed changes together, and nobody else has fewer', async () => {
  await using lonely = await runningConsole();
  const [greedy, other] = [await lonely.signIn('editor'), await lonely.signIn('viewer')];
  const id = randomUUID();
  const absent = { state: 'absent' };
  const view = { postgres: absent, redis: absent, near: absent, lastInvalidation: null, process: {} };
  lonely.worker.answers[`/v1/products/${id}/cache`] = { status: 200, body: JSON.stringify(view) };
  lonely.worker.answers[`/v1/products/${id}`] = { status: 200, body: '{}' };
  const saved = await lonely.call('PATCH', `/api/products/${id}`, {
    cookie: greedy,
    headers: { follow: 'true' },
    json: {},
  });
  expect(saved.status).toBe(200);
  const open = (cookie: string, n: number) =>
    lonely.call('GET', n % 2 === 0 ? '/api/live' : `/api/products/${id}/follow/0`, { cookie });
  const streams = [];
  for (let n = 0; n < streamLimits.mostPerCaller; n++) streams.push(await open(greedy, n));
  expect(new Set(streams.map(({ status }) => status))).toEqual(new Set([200]));
  const more = await Promise.all([0, 1].map((n) => open(greedy, n)));
  expect(more.map(({ status }) => status)).toEqual([429, 429]);
  streams.push(await open(other, 0));
  expect(streams.at(-1)?.status).toBe(200);
  // An ended stream gives its place back.
  for (const { body } of streams) await body?.cancel();
  await expect.poll(async () => (await open(greedy, 0)).status).toBe(200);
});
