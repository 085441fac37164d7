import { createHash } from 'node:crypto';
import { type FollowedChange, followedChangesPageSchema, problemSchema } from '@catalog/contracts';
import { eventually } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Reader, startStores, type Stores } from '../testing/running-catalog-read.ts';

let stores: Stores;
let reader: Reader;
beforeAll(async () => {
  stores = await startStores();
  reader = await stores.reader({ streamsPerCaller: 2 });
});
afterAll(() => stores?.[Symbol.asyncDispose]());

const authorization = (claims: object = {}) => ({
  Authorization: `Bearer ${stores.tokens.sign({ aud: 'catalog-read', scope: 'catalog:changes', ...claims })}`,
});
const get = (query: string, headers: Record<string, string> = authorization()) =>
  reader.get(`/v1/changes${query}`, headers);
async function page(query: string) {
  const response = await get(query);
  expect([query, response.status, response.headers.get('cache-control')]).toEqual([query, 200, 'no-store']);
  return followedChangesPageSchema.parse(await response.json());
}
const latest = async () => (await page('?after=latest')).page.nextCursor;
async function problem(response: Response) {
  return problemSchema.parse(await response.json());
}

let serial = 0;
const insert = () => stores.insert({ sku: `C-${(serial += 1)}` });

interface Heard {
  readonly event: string;
  readonly id: string;
  readonly data: FollowedChange;
}

/** Collects the events of a stream until it ends. */
async function openStream(query: string, headers: Record<string, string> = {}, claims: object = {}) {
  const controller = new AbortController();
  const response = await fetch(`http://127.0.0.1:${reader.port}/v1/changes${query}`, {
    headers: { Accept: 'text/event-stream', ...authorization(claims), ...headers },
    signal: controller.signal,
  });
  const events: Heard[] = [];
  let text = '';
  const ended = (async () => {
    if (response.status !== 200) return;
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      const frames = text.split('\n\n');
      text = frames.pop() ?? '';
      for (const frame of frames) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(frame)?.[1] ?? '';
        if (field('event') === '') continue;
        events.push({
          event: field('event'),
          id: field('id'),
          data: JSON.parse(field('data')) as FollowedChange,
        });
      }
    }
  })();
  ended.catch(() => undefined);
  const changes = () => events.filter(({ event }) => event === 'change').map(({ data }) => data);
  return { response, events, changes, ended, close: () => controller.abort() };
}

test('a follower reads each change with the product as it is now, and continues behind it', async () => {
  const from = await latest();
  const { id } = await insert();
  await stores.owner.query(`update catalog.products set price_minor = 1 where id = $1`, [id]);
  await stores.owner.query(`update catalog.products set price_minor = 2 where id = $1`, [id]);
  const { data, page: first } = await page(`?after=${from}&entity=product&limit=2&include=product`);
  expect(data).toMatchObject([
    { entity: 'product', key: id, kind: 'created', changedBy: 'sql', product: { priceMinor: 2 } },
    { key: id, kind: 'updated', changedFields: ['priceMinor'], product: { priceMinor: 2 } },
  ]);
  expect(first.hasMore).toBe(true);
  await stores.owner.query('delete from catalog.products where id = $1', [id]);
  const rest = await page(`?after=${first.nextCursor}&include=product`);
  expect(rest.data).toMatchObject([{ kind: 'updated', product: null }]);
  const last = await page(`?after=${rest.page.nextCursor}`);
  expect(last.data.map(({ kind }) => kind)).toEqual(['deleted']);
  expect(last.data[0]).not.toHaveProperty('product');
  expect(last.page.hasMore).toBe(false);
  expect((await page(`?after=${last.page.nextCursor}`)).data).toEqual([]);
});

test('after=snapshot reads every product once', async () => {
  const { rows } = await stores.owner.query<{ id: string }>('select id from catalog.products');
  const { id } = await insert();
  const keys: string[] = [];
  for (let after = 'snapshot'; ;) {
    const { data, page: next } = await page(`?after=${after}&limit=2&include=product`);
    keys.push(...data.map(({ key }) => key));
    for (const { kind, product } of data) expect([kind, product === null]).toEqual(['existing', false]);
    after = next.nextCursor;
    if (!next.hasMore) break;
  }
  expect(keys.toSorted()).toEqual([...rows.map((row) => row.id), id].toSorted());
});

test.each([
  ['?after=', 'after'],
  ['?after=nonsense', 'after'],
  ['?after=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', 'after'],
  ['?limit=0', 'limit'],
  ['?limit=501', 'limit'],
  ['?limit=x', 'limit'],
  ['?entity=order', 'entity'],
  ['?include=everything', 'include'],
  ['?before=1', 'before'],
])('%s is refused, and the error names %s', async (query, parameter) => {
  const response = await get(query);
  const { status, errors } = await problem(response);
  expect([status, errors.map((error) => error.parameter)]).toEqual([400, [parameter]]);
});

test('a truncated, changed or forged cursor is refused, also as Last-Event-ID', async () => {
  const cursor = await latest();
  const madeUp = (json: string) =>
    Buffer.concat([createHash('sha256').update(json).digest().subarray(0, 6), Buffer.from(json)]).toString(
      'base64url',
    );
  for (const bad of [
    'A'.repeat(9_000),
    cursor.slice(0, -1),
    `${cursor}A`,
    cursor.replace(/.$/, (end) => (end === 'A' ? 'B' : 'A')),
    madeUp('{'),
    madeUp('{"seen":1e999}'),
  ])
    expect((await get(`?after=${bad}`)).status).toBe(400);
  const { response } = await openStream('', { 'Last-Event-ID': 'nonsense' });
  expect((await problem(response)).errors).toMatchObject([{ header: 'Last-Event-ID' }]);
});

test('the scope catalog:changes is needed, even where reads are open to all', async () => {
  expect((await get('', {})).status).toBe(401);
  expect((await get('', authorization({ scope: 'catalog:read' }))).status).toBe(403);
});

test('a cursor from before a failover is answered with 410 that says what to do', async () => {
  const cursor = await latest();
  await stores.owner.query(
    'select catalog.begin_incarnation(0, incarnation) from catalog.database_incarnation',
  );
  // The pool cuts its older sessions when a new one finds the incarnation. It finds it here, not inside a later test.
  await stores.owner.currentIncarnation();
  const response = await get(`?after=${cursor}`);
  const { status, code, detail } = await problem(response);
  expect([status, code]).toEqual([410, 'changes_gone']);
  expect(detail).toContain('after=snapshot');
  const stream = await openStream(`?after=${cursor}`);
  expect(stream.response.status).toBe(410);
});

test('a stream shows changes as they come, and goes on behind Last-Event-ID', async () => {
  const stream = await openStream(`?after=${await latest()}&include=product`);
  expect(stream.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  const [one, two] = [await insert(), await insert()];
  await eventually(() => stream.changes().length === 2);
  expect(stream.changes()).toMatchObject([
    { key: one.id, kind: 'created', product: { sku: one.sku } },
    { key: two.id, kind: 'created' },
  ]);
  await eventually(() => stream.events.at(-1)?.event === 'position');
  stream.close();
  const behind = stream.events.find(({ data }) => data.key === one.id)?.id ?? '';
  const again = await openStream('?after=latest', { 'Last-Event-ID': behind });
  await eventually(() => again.changes().length > 0);
  expect(again.changes().map(({ key }) => key)).toEqual([two.id]);
  again.close();
});

test('a change of a transaction that commits late reaches an open stream', async () => {
  const [slow, quick] = [await insert(), await insert()];
  const session = await stores.owner.connect();
  try {
    await session.query('begin');
    await session.query("update catalog.products set name = 'slow' where id = $1", [slow.id]);
    const stream = await openStream(`?after=latest`);
    await stores.owner.query("update catalog.products set name = 'quick' where id = $1", [quick.id]);
    await eventually(() => stream.changes().length === 1);
    await session.query('commit');
    await eventually(() => stream.changes().length === 2);
    expect(stream.changes().map(({ key }) => key)).toEqual([quick.id, slow.id]);
    stream.close();
  } finally {
    session.release(true);
  }
});

test('a stream ends with the token of its caller', async () => {
  const stream = await openStream('?after=latest', {}, { exp: Math.floor(Date.now() / 1_000) + 2 });
  expect(stream.response.status).toBe(200);
  await stream.ended;
});

test('a caller may open a limited number of streams, and other callers have their own', async () => {
  const streams = [await openStream('?after=latest'), await openStream('?after=latest')];
  const refused = await openStream('?after=latest');
  expect([refused.response.status, refused.response.headers.has('retry-after')]).toEqual([429, true]);
  const other = await openStream('?after=latest', {}, { sub: 'another' });
  expect(other.response.status).toBe(200);
  for (const { close } of [...streams, other]) close();
  await eventually(async () => {
    const again = await openStream('?after=latest');
    again.close();
    return again.response.status === 200;
  });
});

test('one caller cannot use all connections that read changes, neither with pages nor with streams', async () => {
  const session = await stores.owner.connect();
  const greedy = authorization({ sub: 'greedy' });
  const asked: Promise<Response>[] = [];
  try {
    await session.query('begin');
    // Snapshots read this table, and `after=latest` does not.
    await session.query('lock table catalog.products');
    asked.push(...Array.from({ length: 10 }, () => get('?after=snapshot', greedy)));
    const stream = { ...greedy, Accept: 'text/event-stream' };
    asked.push(...Array.from({ length: 10 }, () => get('?after=snapshot', stream)));
    await eventually(async () => {
      const { rowCount } = await stores.owner.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return rowCount === 2;
    });
    for (let n = 0; n < 3; n += 1) expect((await get('?after=latest')).status).toBe(200);
  } finally {
    await session.query('rollback');
    session.release();
  }
  const statuses = (await Promise.all(asked)).map((answer) => {
    void answer.body?.cancel();
    return answer.status;
  });
  // The caller's own reads waited. Of its streams, only the allowed number opened.
  expect(statuses.slice(0, 10)).toEqual(Array(10).fill(200));
  expect(statuses.slice(10).filter((status) => status === 200).length).toBeGreaterThan(0);
});

test('a stopping service ends its streams', async () => {
  const stopping = await stores.reader();
  const response = await stopping.get('/v1/changes?after=latest', {
    Accept: 'text/event-stream',
    ...authorization(),
  });
  expect(response.status).toBe(200);
  const text = response.text();
  await stopping[Symbol.asyncDispose]();
  await text.catch(() => undefined);
});
