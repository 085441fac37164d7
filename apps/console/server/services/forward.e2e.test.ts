import { once } from 'node:events';
import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate, setTimeout as pause } from 'node:timers/promises';
import { authenticate, createLogger, requireScope } from '@catalog/service-kit';
import express from 'express';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { passOn } from './forward.ts';
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

const purge = (json: Record<string, string>): Promise<Response> =>
  running.call('POST', '/api/purges', { cookie, json });

const asked = () => running.worker.requests.filter(({ url }) => url === '/v1/purges');

test('a purge reaches the worker as it is, and its answer comes back', async () => {
  const body = { key: 'product:1', reason: 'wrong price' };
  const answer = await purge(body);
  expect([answer.status, await answer.text()]).toEqual([200, '{"entries":3,"invalidated":2}']);
  expect(asked().map(({ method, body }) => [method, JSON.parse(body) as unknown])).toEqual([['POST', body]]);
});

test('the token for the worker is signed with the key of the console and names audience, scope and user', async () => {
  await purge({ key: 'product:1', reason: 'wrong price' });
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

test('the log names who acted, on what, and how it ended', async () => {
  await purge({ key: 'product:9', reason: 'a wrong price' });
  // It is logged when the answer has ended.
  await expect
    .poll(running.lastAction)
    .toMatchObject({ user: 'admin', action: 'cache.purge', target: 'product:9', status: 200 });
});

test('the refusal of a service comes back as it is', async () => {
  const problem = { status: 400, code: 'invalid_request', detail: 'There is no such key <b>.' };
  running.worker.answers['/v1/purges'] = { status: 400, body: JSON.stringify(problem) };
  const answer = await purge({ key: 'product:x', reason: 'because' });
  expect([answer.status, await answer.json()]).toEqual([400, problem]);
});

test('a service that refuses the key of the console is an internal error, whose text stays in the log', async () => {
  running.worker.answers['/v1/purges'] = { status: 401, body: '{"detail":"the key is unknown"}' };
  const answer = await purge({ key: 'product:x', reason: 'because' });
  expect([answer.status, await answer.text()]).toEqual([500, expect.not.stringContaining('unknown')]);
});

test('while a service is away, the answer says so, and that a change may have been made', async () => {
  await using lonely = await runningConsole({ workerUrl: 'http://127.0.0.1:1' });
  const admin = await lonely.signIn('admin');
  const json = { key: 'product:x', reason: 'because' };
  const changed = await lonely.call('POST', '/api/purges', { cookie: admin, json });
  expect([changed.status, await changed.text()]).toEqual([
    503,
    expect.stringContaining('may or may not have been made'),
  ]);
  const looked = await lonely.call('GET', '/api/products', { cookie: admin });
  expect([looked.status, await looked.text()]).toEqual([503, expect.not.stringContaining('may or may not')]);
});

test('an upload may take as long as its line needs, and a form may not', async () => {
  running.worker.answers['/v1/imports'] = { status: 200, body: '{}' };
  /** Sends a part each second, for longer than the body of a form may take. The service answers a form earlier. */
  const slowly = async (path: string, type: string): Promise<number | undefined> => {
    const headers = { Cookie: cookie, 'Content-Type': type };
    const sent = request(`${running.url}${path}`, { method: 'POST', headers });
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
    // After an early answer the server closes the connection.
    sent.on('error', () => undefined);
    for (let second = 0; second < 9; second++) {
      sent.write('x');
      await pause(1_000);
    }
    sent.end();
    const [response] = await answered;
    response.resume();
    return response.statusCode;
  };
  const statuses = await Promise.all([
    slowly('/api/imports', 'text/csv'),
    slowly('/sign-in', 'application/x-www-form-urlencoded'),
    slowly('/api/purges', 'application/json'),
  ]);
  expect(statuses).toEqual([200, 408, 408]);
}, 20_000);

test('a parameter cannot lead to another address of the service', async () => {
  await running.call('GET', '/api/products/..%2f..%2fmetrics', { cookie });
  const urls = running.worker.requests.map(({ url }) => url);
  expect(urls).toContain('/v1/products/..%2F..%2Fmetrics');
  running.worker.requests.length = 0;
  expect((await running.call('GET', '/api/products/%2e%2e/history', { cookie })).status).toBe(404);
  expect(running.worker.requests).toEqual([]);
});

test('when a person has closed the page, a timeout ends the answer, and not this process', async () => {
  const caught: unknown[] = [];
  const onError = (error: unknown) => caught.push(error);
  process.prependListener('uncaughtException', onError);
  const slow = createServer((_req, res) => res.writeHead(200).write('the first part')).listen(0, '127.0.0.1');
  await once(slow, 'listening');
  const passed = Promise.withResolvers<void>();
  const timeout = AbortSignal.timeout(500);
  const app = express();
  app.get('/', (_req, res) => {
    res.destroy();
    void fetch(`http://127.0.0.1:${(slow.address() as AddressInfo).port}`, { signal: timeout })
      .then((response) => passOn(response, res))
      .then(passed.resolve, passed.reject);
  });
  const console = app.listen(0, '127.0.0.1');
  await once(console, 'listening');
  onTestFinished(() => {
    process.off('uncaughtException', onError);
    for (const server of [slow, console]) server.closeAllConnections();
    for (const server of [slow, console]) server.close();
  });
  await fetch(`http://127.0.0.1:${(console.address() as AddressInfo).port}`).catch(() => undefined);
  await passed.promise;
  if (!timeout.aborted) await once(timeout, 'abort');
  // The body of the answer fails in the same turn.
  await setImmediate();
  expect(caught).toEqual([]);
});
