import { eventually } from '@catalog/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { forwarded } from '../services/forwarded.ts';
import { password, runningConsole, type RunningConsole } from '../testing/running-console.ts';
import type { StoredAction } from './action-log.ts';

let running: RunningConsole;
let cookie = '';
beforeAll(async () => {
  running = await runningConsole();
  running.worker.answers['/v1/purges'] = { status: 200, body: '{"entries":1,"invalidated":1}' };
  cookie = await running.signIn('admin');
  // A sign-in is recorded after its answer.
  await eventually(async () => (await actions()).length > 0);
});
afterAll(() => running[Symbol.asyncDispose]());
beforeEach(() => running.owner.query('truncate catalog.console_actions'));

interface Page {
  readonly data: readonly StoredAction[];
  readonly page: { readonly nextCursor: string | null };
}

async function page(query = ''): Promise<Page> {
  const answer = await running.call('GET', `/api/actions${query}`, { cookie });
  expect(answer.status).toBe(200);
  return (await answer.json()) as Page;
}
const actions = async (query?: string) => (await page(query)).data;

const purge = (key: string, as = cookie) =>
  running.call('POST', '/api/purges', { cookie: as, json: { key, reason: 'a test' } });

/** Waits until this number of actions is stored. The server stores an action after its answer. */
const recorded = (count: number) => eventually(async () => (await actions()).length === count);

test('every call that may change something has a name in the audit log', () => {
  expect(forwarded.filter(({ method, action }) => (method === 'get') === (action !== undefined))).toEqual([]);
});

test('an action is stored with who, what, what was sent, and how it ended', async () => {
  expect((await purge('product:1')).status).toBe(200);
  await recorded(1);
  expect(await actions()).toMatchObject([
    {
      username: 'admin',
      action: 'cache.purge',
      target: 'product:1',
      status: 200,
      detail: { key: 'product:1', reason: 'a test' },
    },
  ]);
});

test('a byte order mark before the JSON hides nothing from the log', async () => {
  await running.call('POST', '/api/purges', {
    cookie,
    headers: { 'Content-Type': 'application/json' },
    body: '\ufeff{"key":"product:8","reason":"a test"}',
  });
  await recorded(1);
  expect(await actions()).toMatchObject([{ target: 'product:8', detail: { key: 'product:8' } }]);
});

test('a refused attempt is stored too', async () => {
  const viewer = await running.signIn('viewer');
  expect((await purge('product:1', viewer)).status).toBe(403);
  await eventually(async () => (await actions('?kind=cache')).length === 1);
  expect(await actions('?kind=cache')).toMatchObject([{ username: 'viewer', status: 403 }]);
});

test('a save, a created product and an import name what they were about', async () => {
  const id = '01900000-0000-7000-8000-000000000001';
  running.worker.answers[`/v1/products/${id}`] = { status: 412, body: '{}' };
  running.worker.answers['/v1/imports?mode=skip-failed'] = { status: 200, body: '{}' };
  await running.call('PATCH', `/api/products/${id}`, { cookie, json: { name: 'New' } });
  await running.call('POST', '/api/imports?mode=skip-failed', {
    cookie,
    json: { sku: 'A' },
    headers: { 'Import-Id': id },
  });
  await recorded(2);
  const stored = await actions();
  expect(stored.find(({ action }) => action === 'product.update')).toMatchObject({
    target: id,
    status: 412,
    detail: { name: 'New' },
  });
  expect(stored.find(({ action }) => action === 'product.import')).toMatchObject({
    target: id,
    detail: { mode: 'skip-failed' },
  });
});

test('an import names its file, and how many records became what', async () => {
  const id = '01900000-0000-7000-8000-000000000002';
  const counts = { received: 3, created: 1, updated: 1, unchanged: 0, skipped: 0, failed: 1 };
  running.worker.answers['/v1/imports'] = { status: 200, body: JSON.stringify({ ...counts, errors: [] }) };
  const sent = await running.call('POST', '/api/imports', {
    cookie,
    body: 'sku\nA\n',
    headers: {
      'Content-Type': 'text/csv',
      'Import-Id': id,
      'Import-File': `${encodeURIComponent('Preise für\n')}${'x'.repeat(300)}.csv`,
    },
  });
  expect(await sent.json()).toMatchObject(counts);
  await recorded(1);
  const file = `Preise für ${'x'.repeat(189)}`;
  expect(await actions()).toMatchObject([
    { action: 'product.import', target: id, detail: { ...counts, file } },
  ]);
});

test('an import with a strange name, many columns or an answer that is no JSON is recorded too', async () => {
  const query = `?columns=${'%22'.repeat(2_000)}`;
  running.worker.answers[`/v1/imports${query}`] = { status: 502, body: 'no JSON' };
  await running.call('POST', `/api/imports${query}`, {
    cookie,
    body: 'sku\nA\n',
    headers: { 'Content-Type': 'text/csv', 'Import-File': '%E0%A4%A' },
  });
  await recorded(1);
  expect(await actions()).toMatchObject([{ status: 502, detail: { columns: '"'.repeat(1_000) } }]);
});

test('actions on queues and sessions are stored, without the password', async () => {
  await running.call('PUT', '/queues/api/queues/refresh/pause', { cookie, json: {} });
  await running.call('PUT', '/queues/api/queues/refresh/resume', { cookie, json: {} });
  const other = await running.signIn('editor');
  await running.call('POST', '/sign-out', { cookie: other });
  await recorded(4);
  const stored = await actions();
  expect(new Set(stored.map(({ username, action, target }) => [username, action, target].join(' ')))).toEqual(
    new Set([
      'admin queue.pause refresh',
      'admin queue.resume refresh',
      'editor session.sign-in 127.0.0.1',
      'editor session.sign-out ',
    ]),
  );
  expect(JSON.stringify(stored)).not.toContain(password);
});

test('pages join without gaps, and a person and a kind filter them', async () => {
  for (const key of ['product:1', 'product:2', 'product:3']) await purge(key);
  await recorded(3);
  const first = await page('?limit=2');
  const second = await page(`?limit=2&cursor=${first.page.nextCursor}`);
  const targets = [...first.data, ...second.data].map(({ target }) => target);
  expect([targets.length, new Set(targets)]).toEqual([3, new Set(['product:1', 'product:2', 'product:3'])]);
  expect(second.page.nextCursor).toBeNull();
  expect(await actions('?user=admin')).toHaveLength(3);
  expect(await actions('?user=ann')).toEqual([]);
  expect(await actions('?kind=queue')).toEqual([]);
});

test('a long text, a NUL or a text that is not JSON is stored as far as it fits', async () => {
  await running.call('POST', '/api/purges', {
    cookie,
    json: { key: `product:\0${'x'.repeat(400)}`, reason: 'long '.repeat(2_000) },
  });
  await recorded(1);
  const [stored] = await actions();
  expect(stored?.target).toHaveLength(299);
  expect(stored?.detail).toBeNull();
});

test.each([
  ['nests too deep to be written again', '{"1":'.repeat(20_000) + '1' + '}'.repeat(20_000)],
  ['has more members than any service reads', `[${'0,'.repeat(1_000)}0]`],
])('of a body that %s, the log has nothing, and the console goes on', async (_what, body) => {
  const headers = { 'Content-Type': 'application/json' };
  const id = '01900000-0000-7000-8000-000000000001';
  running.worker.answers[`/v1/products/${id}`] = { status: 400, body: '{}' };
  await running.call('PATCH', `/api/products/${id}`, { cookie, headers, body });
  await running.call('POST', '/api/purges', { cookie, headers, body });
  await recorded(2);
  expect((await actions()).map(({ detail }) => detail)).toEqual([null, null]);
});

test('while the log cannot be written, actions still work, and are stored as soon as they can be', async () => {
  await running.owner.query('revoke insert on catalog.console_actions from console');
  try {
    expect((await purge('product:77')).status).toBe(200);
    await eventually(() =>
      running.logLines.some((line) => line.includes('"acted"') && line.includes('product:77')),
    );
    expect(await actions()).toEqual([]);
  } finally {
    await running.owner.query('grant insert on catalog.console_actions to console');
  }
  await recorded(1);
  expect(await actions()).toMatchObject([{ target: 'product:77', status: 200 }]);
});

test('a person who asks for many pages of the log leaves connections to Postgres to all others', async () => {
  const [greedy, other] = [await running.signIn('viewer'), await running.signIn('editor')];
  await recorded(2);
  const locker = await running.owner.connect();
  await locker.query('begin');
  await locker.query('lock table catalog.console_actions in access exclusive mode');
  const pages = Array.from({ length: 10 }, () => running.call('GET', '/api/actions', { cookie: greedy }));
  const path = '/api/products/01900000-0000-7000-8000-000000000001/editing';
  expect((await running.call('POST', path, { cookie: other })).status).toBe(200);
  await locker.query('commit');
  locker.release();
  expect(new Set((await Promise.all(pages)).map(({ status }) => status))).toEqual(new Set([200]));
});
