/** Of work that a service does for few callers at once, each person gets a part. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '@catalog/testing';
import { expect, test } from 'vitest';
import { followLimits } from '../follow/routes.ts';
import { runningConsole } from '../testing/running-console.ts';
import { lookLimits } from './forward.ts';

const absent = { state: 'absent' };
const view = JSON.stringify({
  postgres: absent,
  redis: absent,
  near: absent,
  lastInvalidation: null,
  process: {},
});

/** A server that answers nothing until `answerAll` is called, except for saves: it takes those with `If-Match`. */
async function slowService() {
  let open: ServerResponse[] = [];
  const server = createServer((req, res) => {
    req.resume();
    if (req.method === 'PATCH')
      res.writeHead(req.headers['if-match'] === undefined ? 428 : 200, { 'Catalog-Version': '1' }).end('{}');
    else open.push(res);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => open.length,
    answerAll() {
      for (const res of open) res.end(view);
      open = [];
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

test.each([
  ['GET', '/api/products/export', 1, 0],
  ['POST', '/api/imports', 1, 0],
  ['GET', '/api/traces?key=app:settings', 2, 20],
  ['GET', '/api/transactions/1/changes', 2, 20],
  ['GET', '/api/changes/latest', 2, 20],
  ['GET', '/api/settings/readers', 2, 20],
  ['GET', '/api/products/01900000-0000-7000-8000-000000000001/history', 2, 20],
  ['GET', '/api/orders', 2, 20],
  ['POST', '/api/orders/01900000-0000-7000-8000-000000000001/complete', 4, 20],
])('%s %s: a person gets %i at once, and others still get theirs', async (method, path, atOnce, waiting) => {
  await using service = await slowService();
  await using console = await runningConsole({ workerUrl: service.url, readUrl: service.url });
  const [greedy, other] = [await console.signIn('editor'), await console.signIn('admin')];
  const call = (cookie: string) =>
    console.call(method, path, {
      cookie,
      headers: { 'content-type': 'text/csv' },
      ...(method === 'POST' && { body: 'x' }),
    });
  let refused = 0;
  const most = atOnce + waiting;
  const greedyCalls = Array.from({ length: most + 3 }, async () => {
    const { status } = await call(greedy);
    if (status === 429) refused += 1;
  });
  await eventually(() => refused === 3);
  expect(service.asked()).toBe(atOnce);
  const others = call(other);
  await eventually(() => service.asked() === atOnce + 1);
  service.answerAll();
  expect((await others).status).toBe(200);
  const answering = setInterval(() => service.answerAll(), 10);
  await Promise.all(greedyCalls);
  clearInterval(answering);
});

test('a person who leaves keeps the place until the service has answered', async () => {
  await using service = await slowService();
  await using console = await runningConsole({ workerUrl: service.url });
  const [cookie, other] = [await console.signIn('viewer'), await console.signIn('admin')];
  const open = async (signal?: AbortSignal, who = cookie) =>
    fetch(`${console.url}/api/traces?key=app:settings`, {
      headers: { Cookie: who },
      ...(signal !== undefined && { signal }),
    });
  const left = new AbortController();
  const abandoned = Array.from({ length: lookLimits.atOnce }, () => open(left.signal).catch(() => undefined));
  await eventually(() => service.asked() === lookLimits.atOnce);
  left.abort();
  await Promise.all(abandoned);
  const next = open();
  // It came later, and has arrived. So the one before it waits.
  const ofOther = open(undefined, other);
  await eventually(() => service.asked() > lookLimits.atOnce);
  expect(service.asked()).toBe(lookLimits.atOnce + 1);
  service.answerAll();
  expect((await ofOther).status).toBe(200);
  await eventually(() => service.asked() === 1);
  service.answerAll();
  expect((await next).status).toBe(200);
});

test('a person who leaves an import gets the next one when the service has undone it', async () => {
  await using service = await slowService();
  await using console = await runningConsole({ workerUrl: service.url });
  const cookie = await console.signIn('editor');
  const left = new AbortController();
  const begin = (signal?: AbortSignal) =>
    fetch(`${console.url}/api/imports`, {
      method: 'POST',
      headers: { Cookie: cookie, 'Content-Type': 'text/csv' },
      body: 'x',
      ...(signal !== undefined && { signal }),
    });
  const abandoned = begin(left.signal).catch(() => undefined);
  await eventually(() => service.asked() === 1);
  left.abort();
  await abandoned;
  const left_ms = performance.now();
  expect((await begin()).status).toBe(429);
  service.answerAll();
  const answering = setInterval(() => service.answerAll(), 10);
  await eventually(async () => (await begin()).status === 200, { timeout_ms: 10_000 });
  clearInterval(answering);
  expect(performance.now() - left_ms).toBeGreaterThan(2_000);
});

test('a person who follows many changes at once leaves readers and looks at changes to others', async () => {
  await using service = await slowService();
  await using console = await runningConsole({ workerUrl: service.url });
  const [greedy, other] = [await console.signIn('editor'), await console.signIn('admin')];
  const path = `/v1/products/${randomUUID()}`;
  console.worker.answers[`${path}/cache`] = { status: 200, body: view };
  const followed = () => console.worker.requests.filter(({ url }) => url.endsWith('/cache')).length;
  const save = async (cookie: string, headers = {}) => {
    const at = path.replace('/v1', '/api');
    const saved = await console.call('PATCH', at, {
      cookie,
      headers: { follow: 'true', ...headers },
      json: {},
    });
    return saved.status;
  };
  // A refused save gives its place back.
  for (let n = 0; n < 5; n++) expect(await save(greedy)).toBe(428);
  expect(followed()).toBe(5);
  const change = { 'if-match': '*' };
  const saves = await Promise.all(Array.from({ length: 10 }, () => save(greedy, change)));
  expect(new Set(saves)).toEqual(new Set([200]));
  expect(followed()).toBe(5 + followLimits.mostPerCaller);
  await eventually(() => service.asked() === lookLimits.atOnce);
  expect(await save(other, change)).toBe(200);
  expect(followed()).toBe(6 + followLimits.mostPerCaller);
  await eventually(() => service.asked() === lookLimits.atOnce + 1);
});

test('a person who looks for many jobs at once never fills the queue of all people', async () => {
  await using console = await runningConsole();
  const cookie = await console.signIn('viewer');
  // Then a look takes some milliseconds.
  const change = { seq: 2, transaction: 1, entity: 'product', key: 'x', version: 1 };
  const changes = Array.from({ length: 100 }, () => change);
  const job = { name: 'invalidate', data: { changes } };
  await console.queues.invalidation.addBulk(Array.from({ length: 100 }, () => job));
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => console.call('GET', '/api/changes/1/job', { cookie })),
  );
  const statuses = new Set(answers.map(({ status }) => status));
  expect(statuses).not.toContain(503);
  expect(statuses).toContain(404);
});
