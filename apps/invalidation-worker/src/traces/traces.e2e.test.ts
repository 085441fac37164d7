import { type ShownTrace, changeTracesSchema, problemSchema } from '@catalog/contracts';
import { eventually } from '@catalog/testing';
import { afterAll, expect, test } from 'vitest';
import { type RunningWorker, startStores, startWorker } from '../testing/running-worker.ts';
import { streamLimits } from './event-stream.ts';

const stores = await startStores();
const { reader, owner } = stores;
const worker = await startWorker(stores);
await worker.ready();
afterAll(async () => {
  await worker[Symbol.asyncDispose]();
  await stores[Symbol.asyncDispose]();
});

async function traces(key: string): Promise<ShownTrace[]> {
  const response = await worker.call('GET', `/v1/changes?key=${encodeURIComponent(key)}`);
  expect(response.status).toBe(200);
  return changeTracesSchema.parse(await response.json()).data;
}

/** Collects the events of a stream until it ends. */
async function openStream(from: RunningWorker = worker, token?: string) {
  const controller = new AbortController();
  const response = await from.call('GET', '/v1/changes/stream', {
    signal: controller.signal,
    ...(token !== undefined && { token }),
  });
  const events: { event: string; id: string | undefined; data: Record<string, unknown> }[] = [];
  let text = '';
  const ended = (async () => {
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      const frames = text.split('\n\n');
      text = frames.pop() ?? '';
      for (const frame of frames) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(frame)?.[1];
        const event = field('event');
        if (event === undefined) continue;
        const data = JSON.parse(field('data') ?? '{}') as Record<string, unknown>;
        events.push({ event, id: field('id'), data });
      }
    }
  })();
  ended.catch(() => undefined);
  return { response, events, ended, close: () => controller.abort() };
}

test('the changes of a transaction are counted by its number', async () => {
  const { rows } = await owner.query<{ id: number }>(
    `with inserted as (
       insert into catalog.products (sku, name, brand, category, price_minor, currency)
       values ('OF-TRANSACTION', 'Lamp', 'Acme', 'Lighting', 100, 'EUR')
     ) select pg_current_xact_id()::text::bigint as id`,
  );
  const path = `/v1/transactions/${rows[0]?.id}/changes`;
  // The product by its id, and by its SKU.
  await eventually(async () => {
    const counts = await (await worker.call('GET', path)).json();
    expect(counts).toMatchObject({ unapplied: 0, changes: 2, keys: 2 });
  });
  const refused = await worker.call('GET', '/v1/transactions/-1/changes');
  expect(refused.status).toBe(400);
  expect(problemSchema.parse(await refused.json()).detail).toContain('must be the number of a transaction');
});

test('the trace of a change has each step from its commit to the refresh of its key', async () => {
  const [id = ''] = await stores.insertProducts(1);
  await stores.settled();
  await reader.fill(`product:${id}`);
  await owner.query(`update catalog.products set name = 'Torch' where id = $1`, [id]);
  // Acknowledgement and refresh run in parallel, and either may be the last.
  await eventually(async () => {
    const [newest] = await traces(`product:${id}`);
    return typeof newest?.refreshedAt === 'string' && typeof newest.appliedAt === 'string';
  });
  const [update, insert, ...more] = await traces(`product:${id}`);
  expect(more).toEqual([]);
  expect(insert).toMatchObject({ entity: 'product', key: `product:${id}`, refreshedAt: null, dispatches: 1 });
  expect(update?.version).toBeGreaterThan(insert?.version ?? 0);
  for (const step of ['changedAt', 'claimedAt', 'queuedAt', 'appliedAt', 'refreshedAt'] as const) {
    expect(Date.parse(update?.[step] ?? '')).toBeGreaterThan(Date.now() - 60_000);
  }
});

test('the trace of a change that cannot be applied shows its last step', async () => {
  await owner.query(`insert into catalog.outbox (entity, key, version, dispatched_at)
    values ('settings', 'app', 1, clock_timestamp() + interval '1 hour')`);
  const [trace] = await traces('app:settings');
  expect(trace).toMatchObject({ queuedAt: null, appliedAt: null, refreshedAt: null, rungAt: null });
  expect(trace?.claimedAt).not.toBeNull();
  await owner.query(`delete from catalog.outbox where entity = 'settings'`);
});

test('a change whose version gives no order shows none', async () => {
  const [id = ''] = await stores.insertProducts(1);
  const { rows } = await owner.query<{ sku: string }>('select sku from catalog.products where id = $1', [id]);
  const [trace] = await traces(`sku:${rows[0]?.sku}`);
  expect(trace).toMatchObject({ entity: 'sku', key: `sku:${rows[0]?.sku}`, version: null });
});

test('a key without a recent change has no traces', async () => {
  expect(await traces('sku:of nobody')).toEqual([]);
});

test('the latest changes are those of all keys, the last applied one first, and no more than a list shows', async () => {
  const [first = ''] = await stores.insertProducts(1);
  await stores.settled();
  const [second = ''] = await stores.insertProducts(1);
  await stores.settled();
  const latest = async () =>
    changeTracesSchema.parse(await (await worker.call('GET', '/v1/changes/latest')).json()).data;
  const listed = await latest();
  const at = (id: string) => listed.findIndex(({ key }) => key === `product:${id}`);
  // A product by its id and by its SKU.
  expect(at(second)).toBeLessThan(2);
  expect(at(first)).toBeGreaterThan(at(second));
  expect(listed.find(({ key }) => key === `product:${first}`)).toEqual((await traces(`product:${first}`))[0]);
  await stores.insertProducts(100);
  await stores.settled();
  expect(await latest()).toHaveLength(50);
});

test('the stream shows changes as they are applied and refreshed, also by another worker', async () => {
  await using another = await startWorker(stores);
  await another.ready();
  const streams = [await openStream(), await openStream(another)];
  expect(streams[0]?.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  const [id = ''] = await stores.insertProducts(1);
  await stores.settled();
  await reader.fill(`product:${id}`);
  // A change that was applied just before the stream began may be missing, so edit until one shows.
  const edit = async () => {
    await owner.query(`update catalog.products set name = name || '!' where id = $1`, [id]);
    await reader.fill(`product:${id}`);
  };
  for (const { events } of streams) {
    const applied = () =>
      events.find(({ event, data }) => event === 'applied' && data['key'] === `product:${id}`);
    await eventually(async () => {
      await edit();
      return applied() !== undefined && events.some(({ event }) => event === 'refreshed');
    });
    const shown = applied();
    expect(shown?.id).toBe(String(shown?.data['seq']));
    expect(shown?.data).toMatchObject({ entity: 'product', refreshedAt: null });
  }
  for (const { close } of streams) close();
});

test('of many changes at once, the stream shows some and counts the others', async () => {
  const { events, close } = await openStream();
  const shown = () => events.filter(({ event }) => event === 'applied').length;
  const more = () =>
    events.reduce((sum, { event, data }) => (event === 'more' ? sum + Number(data['count']) : sum), 0);
  await eventually(async () => {
    await stores.insertProducts(1);
    return shown() > 0;
  });
  await stores.settled();
  const before = shown() + more();
  await stores.insertProducts(2_000);
  await stores.settled();
  // A change that is acknowledged twice counts twice.
  await eventually(() => shown() + more() >= before + 4_000);
  expect(more()).toBeGreaterThan(0);
  close();
});

test('the number of streams is limited, in all and for each caller', async () => {
  const tokenOf = (sub: string) =>
    stores.tokens.sign({ aud: 'invalidation-worker', scope: 'catalog:operate', sub });
  const open = (sub: string, count: number) =>
    Promise.all(Array.from({ length: count }, () => openStream(worker, tokenOf(sub))));
  const { most, mostPerCaller } = streamLimits;
  const streams = await open('greedy', mostPerCaller);
  const greedy = await openStream(worker, tokenOf('greedy'));
  expect([greedy.response.status, greedy.response.headers.get('retry-after')]).toEqual([429, '5']);
  streams.push(...(await open('other', most - mostPerCaller)));
  expect(streams.map(({ response }) => response.status)).toEqual(Array(most).fill(200));
  const refused = await openStream(worker, tokenOf('a third'));
  expect([refused.response.status, refused.response.headers.get('retry-after')]).toEqual([503, '5']);
  for (const { close } of streams) close();
  await eventually(async () => {
    const again = await openStream();
    again.close();
    return again.response.status === 200;
  });
});

test('a stream ends with the token of its caller', async () => {
  const exp = Math.floor(Date.now() / 1_000) + 5;
  const token = stores.tokens.sign({ aud: 'invalidation-worker', scope: 'catalog:operate', exp });
  const { ended, response } = await openStream(worker, token);
  expect(response.status).toBe(200);
  await ended;
  expect(Date.now()).toBeGreaterThanOrEqual((exp - 1) * 1_000);
});

test('a stopping worker ends its streams', async () => {
  const stopping = await startWorker(stores);
  await stopping.ready();
  const { ended, response } = await openStream(stopping);
  expect(response.status).toBe(200);
  const drained = stopping.drain();
  await ended;
  await drained;
  await stopping[Symbol.asyncDispose]();
});

test.each([
  ['/v1/changes', 'key', 'is required'],
  ['/v1/changes?key=nothing:of-ours', 'key', 'must be the key of a cached entity'],
  ['/v1/changes?key=product:', 'key', 'must be the key of a cached entity'],
  ['/v1/changes?key=app:settings&key=app:settings', 'key', 'must be given once'],
  ['/v1/changes?key=app:settings&since=1', 'since', 'is not known here'],
  ['/v1/changes/stream?key=app:settings', 'key', 'is not known here'],
  ['/v1/changes/latest?limit=9', 'limit', 'is not known here'],
])('GET %s is refused, naming %s', async (path, parameter, message) => {
  const response = await worker.call('GET', path);
  expect(response.status).toBe(400);
  const problem = problemSchema.parse(await response.json());
  expect(problem.errors[0]).toMatchObject({ parameter });
  expect(problem.errors[0]?.message).toContain(message);
});

test('looks at changes run one after the other, and too many of them are refused', async () => {
  const holder = await owner.connect();
  try {
    // Each look waits for this lock.
    await holder.query('begin; lock table catalog.outbox in access exclusive mode');
    const looks = Array.from({ length: 40 }, () => worker.call('GET', '/v1/changes?key=app:settings'));
    let answered = 0;
    for (const look of looks) void look.then(() => (answered += 1));
    await eventually(() => answered === 40 - 21);
    await holder.query('commit');
    const statuses = (await Promise.all(looks)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 503)).toHaveLength(40 - 21);
    expect(statuses.filter((status) => status === 200)).toHaveLength(21);
  } finally {
    holder.release(true);
  }
});

test('traces and stream are refused without the scope', async () => {
  const token = stores.tokens.sign({ aud: 'invalidation-worker', scope: 'catalog:read' });
  for (const path of [
    '/v1/changes?key=app:settings',
    '/v1/changes/latest',
    '/v1/transactions/1/changes',
    '/v1/changes/stream',
  ]) {
    expect((await worker.call('GET', path, { token: null })).status).toBe(401);
    expect((await worker.call('GET', path, { token })).status).toBe(403);
  }
});

test('the OpenAPI document names every route of the worker', async () => {
  const document = (await (await fetch(`${worker.url}/openapi.json`)).json()) as { paths: object };
  expect(Object.keys(document.paths)).toEqual([
    '/v1/changes',
    '/v1/changes/latest',
    '/v1/transactions/{transaction}/changes',
    '/v1/changes/stream',
    '/v1/audits',
    '/v1/keys',
    '/v1/purges',
  ]);
  expect((await fetch(`${worker.url}/docs`)).status).toBe(200);
});
