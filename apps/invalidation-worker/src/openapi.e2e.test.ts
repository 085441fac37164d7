import { openApiChecker, type OpenApiChecker } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type CallOptions,
  type RunningWorker,
  startStores,
  startWorker,
  type Stores,
} from './testing/running-worker.ts';
import { streamLimits } from './traces/event-stream.ts';

let stores: Stores;
let worker: RunningWorker;
let api: OpenApiChecker;
beforeAll(async () => {
  stores = await startStores();
  worker = await startWorker(stores, { auditKeysPerSecond: 1_000 });
  await worker.ready();
  api = await openApiChecker(`${worker.url}/openapi.json`);
});
afterAll(async () => {
  await worker?.[Symbol.asyncDispose]();
  await stores?.[Symbol.asyncDispose]();
});

const changes = 'get /v1/changes';
const latest = 'get /v1/changes/latest';
const ofTransaction = 'get /v1/transactions/{transaction}/changes';
const stream = 'get /v1/changes/stream';
const audits = 'post /v1/audits';
const wrongEntries = 'get /v1/audits';
const heldKey = 'get /v1/keys';
const purges = 'post /v1/purges';
const asked = new Set<string>();

async function expectAnswer(
  operation: string,
  path: string,
  status: number,
  options?: CallOptions,
): Promise<void> {
  asked.add(operation);
  const response = await worker.call(operation.split(' ')[0]?.toUpperCase() ?? '', path, options);
  expect([operation, response.status]).toEqual([operation, status]);
  await api.check(operation, response);
}

test('every answer matches the OpenAPI document', async () => {
  const [id = ''] = await stores.insertProducts(1);
  await stores.settled();
  await stores.reader.fill(`product:${id}`);
  const reads = stores.tokens.sign({ aud: 'invalidation-worker', scope: 'catalog:read' });
  const refused: [status: number, options: CallOptions][] = [
    [401, { token: null }],
    [403, { token: reads }],
  ];

  await expectAnswer(changes, `/v1/changes?key=product:${id}`, 200);
  await expectAnswer(changes, '/v1/changes?key=app:settings', 200);
  await expectAnswer(changes, '/v1/changes?key=nothing', 400);
  await expectAnswer(latest, '/v1/changes/latest', 200);
  await expectAnswer(latest, '/v1/changes/latest?limit=9', 400);
  await expectAnswer(ofTransaction, '/v1/transactions/1/changes', 200);
  await expectAnswer(ofTransaction, '/v1/transactions/x/changes', 400);
  await expectAnswer(audits, '/v1/audits', 200);
  await expectAnswer(audits, `/v1/audits?key=product:${id}`, 200);
  await expectAnswer(audits, '/v1/audits?deep=1', 400);
  await expectAnswer(wrongEntries, '/v1/audits', 200);
  await expectAnswer(wrongEntries, '/v1/audits?key=nothing', 400);
  await expectAnswer(heldKey, `/v1/keys?key=product:${id}`, 200);
  await expectAnswer(heldKey, '/v1/keys', 400);
  // The example of the document succeeds.
  await expectAnswer(purges, '/v1/purges', 200, { body: api.example(purges).body });
  const reason = 'a test';
  await expectAnswer(purges, '/v1/purges', 200, { body: { key: `product:${id}`, reason } });
  await expectAnswer(purges, '/v1/purges', 200, { body: { entity: 'product', reason } });
  await expectAnswer(purges, '/v1/purges', 200, { body: { all: true, reason } });
  await expectAnswer(purges, '/v1/purges', 400, { body: { key: `product:${id}` } });
  await expectAnswer(purges, '/v1/purges', 400, { body: { all: true, entity: 'product', reason } });
  await expectAnswer(purges, '/v1/purges', 413, { body: { all: true, reason: 'x'.repeat(300_000) } });
  await expectAnswer(purges, '/v1/purges', 415);
  for (const [status, options] of refused) {
    await expectAnswer(changes, '/v1/changes?key=app:settings', status, options);
    await expectAnswer(latest, '/v1/changes/latest', status, options);
    await expectAnswer(ofTransaction, '/v1/transactions/1/changes', status, options);
    await expectAnswer(stream, '/v1/changes/stream', status, options);
    await expectAnswer(audits, '/v1/audits', status, options);
    await expectAnswer(wrongEntries, '/v1/audits', status, options);
    await expectAnswer(heldKey, '/v1/keys?key=app:settings', status, options);
    await expectAnswer(purges, '/v1/purges', status, { ...options, body: { all: true, reason } });
  }
  await expectAnswer(stream, '/v1/changes/stream?key=app:settings', 400);
});

test('the stream and its refusal match the document', async () => {
  const open = new AbortController();
  const as = (sub: string) => ({
    token: stores.tokens.sign({ aud: 'invalidation-worker', scope: 'catalog:operate', sub }),
  });
  const { most, mostPerCaller } = streamLimits;
  const openAs = (sub: string, count: number) =>
    Promise.all(
      Array.from({ length: count }, () =>
        worker.call('GET', '/v1/changes/stream', { signal: open.signal, ...as(sub) }),
      ),
    );
  const streams = [
    ...(await openAs('one', mostPerCaller)),
    ...(await openAs('another', most - mostPerCaller)),
  ];
  // A stream does not end, so only its head can be compared.
  for (const { status, headers } of streams) {
    await api.check(stream, new Response('', { status, headers }));
    expect(headers.get('content-type')).toMatch(/^text\/event-stream/);
  }
  await expectAnswer(stream, '/v1/changes/stream', 429, as('one'));
  await expectAnswer(stream, '/v1/changes/stream', 503, as('a third'));
  open.abort();
});

test('the answers while the cache is away match the document', async () => {
  await stores.cacheRedis.kill('SIGKILL');
  await expectAnswer(audits, '/v1/audits', 503);
  await expectAnswer(heldKey, '/v1/keys?key=app:settings', 200);
  await expectAnswer(purges, '/v1/purges', 503, { body: { all: true, reason: 'a test' } });
});

test('the tests above called every operation of the document', () => {
  expect(asked).toEqual(new Set(api.operations));
});
