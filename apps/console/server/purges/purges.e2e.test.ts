import { authenticate, createLogger, requireScope } from '@catalog/service-kit';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { runningConsole, type RunningConsole } from '../testing/running-console.ts';

let running: RunningConsole;
let cookie = '';
beforeAll(async () => {
  running = await runningConsole();
  cookie = await running.signIn('admin');
});
afterAll(() => running[Symbol.asyncDispose]());
beforeEach(() => {
  running.worker.requests.length = 0;
  running.worker.answers['/v1/purges'] = { status: 200, body: '{"entries":3,"invalidated":2}' };
});

const purge = (form: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> =>
  running.call('POST', '/purges', { cookie, form, headers });

const asked = () => running.worker.requests.filter(({ url }) => url === '/v1/purges');

test.each([
  [{ what: 'key', key: ' product:1 ', entity: 'product', reason: 'wrong price' }, { key: 'product:1' }],
  [{ what: 'entity', key: '', entity: 'sku', reason: 'wrong price' }, { entity: 'sku' }],
  [{ what: 'all', key: '', entity: 'sku', confirm: 'yes', reason: 'wrong price' }, { all: true }],
])('the form %j asks the worker for %j, with the reason', async (form, wanted) => {
  const answer = await purge(form);
  expect([answer.status, await answer.text()]).toEqual([200, '{"entries":3,"invalidated":2}']);
  expect(asked().map(({ method, body }) => [method, JSON.parse(body) as unknown])).toEqual([
    ['POST', { ...wanted, reason: 'wrong price' }],
  ]);
});

test('the token for the worker is signed with the key of the console and names audience, scope and user', async () => {
  await purge({ what: 'key', key: 'product:1', reason: 'wrong price' });
  const authorization = asked()[0]?.authorization ?? '';
  const log = createLogger({ service: 'test', level: 'silent' });
  const check = authenticate({
    jwksFile: running.tokens.jwksFile,
    audience: 'invalidation-worker',
    clock: { ...running.clock },
    log,
  });
  const req = { headers: { authorization } } as Parameters<typeof check>[0];
  const res = { setHeader: () => undefined } as unknown as Parameters<typeof check>[1];
  const errors: unknown[] = [];
  await check(req, res, (error?: unknown) => errors.push(error));
  await requireScope('catalog:operate')(req, res, (error?: unknown) => errors.push(error));
  expect(errors).toEqual([undefined, undefined]);
  expect(req.caller?.subject).toBe('console:admin');
});

test('the log of a purge names the user and the reason', async () => {
  await purge({ what: 'key', key: 'product:9', reason: 'a wrong price' });
  const record = running.logLines
    .map((line) => JSON.parse(line) as { msg: string })
    .findLast(({ msg }) => msg.includes('purge'));
  expect(record).toMatchObject({
    msg: 'the cache was purged',
    user: 'admin',
    purge: { key: 'product:9', reason: 'a wrong price' },
    entries: 3,
  });
});

test.each([
  ['no reason', { what: 'key', key: 'product:1' }],
  ['blanks as a reason', { what: 'key', key: 'product:1', reason: '    ' }],
  ['no key', { what: 'key', key: ' ', reason: 'because' }],
  ['a key without a known entity', { what: 'key', key: 'session:1', reason: 'because' }],
  ['an unknown entity', { what: 'entity', entity: 'user', reason: 'because' }],
  ['everything but without the confirmation', { what: 'all', reason: 'because' }],
  ['no choice', { reason: 'because' }],
])('a purge with %s is refused without asking the worker', async (_name, form) => {
  expect((await purge(form)).status).toBe(400);
  expect(asked()).toEqual([]);
});

test('the refusal of the worker is shown to the user', async () => {
  const problem = {
    type: '/problems/invalid_request',
    title: 'x',
    status: 400,
    code: 'invalid_request',
    detail: 'There is no such key <b>.',
    requestId: 'x',
    errors: [],
  };
  running.worker.answers['/v1/purges'] = { status: 400, body: JSON.stringify(problem) };
  const answer = await purge({ what: 'key', key: 'product:x', reason: 'because' }, { Accept: 'text/html' });
  expect(answer.status).toBe(400);
  expect(await answer.text()).toContain('There is no such key &lt;b&gt;.');
});

test.each([
  ['refuses the token of the console', { status: 401, body: '{}' }, 500],
  ['answers 200 with another body', { status: 200, body: '{}' }, 500],
  ['answers nonsense', { status: 418, body: 'teapot' }, 500],
])('a worker that %s is an internal error', async (_name, answer, status) => {
  running.worker.answers['/v1/purges'] = answer;
  expect((await purge({ what: 'key', key: 'product:x', reason: 'because' })).status).toBe(status);
});
