import { afterEach, expect, test } from 'vitest';
import { createCatalogClient } from '../client.ts';
import { CatalogProblem, CatalogUnavailable, ServiceKeyError } from '../errors.ts';
import {
  answer,
  cut,
  problem,
  scriptedServer,
  silent,
  type ScriptedServer,
  type Step,
} from '../testing/scripted-server.ts';

const id = '0190c0de-0000-7000-8000-000000000001';
const product = {
  id,
  sku: 'LAMP-1',
  name: 'Lamp',
  description: '',
  brand: 'Acme',
  category: 'Lighting',
  gtin: null,
  weightGrams: 100,
  lengthMm: null,
  widthMm: null,
  heightMm: null,
  priceMinor: 1999,
  currency: 'EUR',
  status: 'active',
  attributes: {},
  version: 7,
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
};
const newProduct = {
  sku: 'LAMP-1',
  name: 'Lamp',
  brand: 'Acme',
  category: 'Lighting',
  priceMinor: 1,
  currency: 'EUR',
};

let open = new AsyncDisposableStack();
afterEach(async () => {
  await open.disposeAsync();
  open = new AsyncDisposableStack();
});

async function serverAnd(...steps: readonly Step[]) {
  const server: ScriptedServer = open.use(await scriptedServer(...steps));
  const retried: string[] = [];
  const client = createCatalogClient({
    readUrl: server.url,
    writeUrl: server.url,
    events: { retried: ({ method, path }) => retried.push(`${method} ${path}`) },
  });
  return { server, client, retried };
}

test('an unknown field in an answer is dropped', async () => {
  const { client } = await serverAnd(answer(200, { ...product, colour: 'red' }));
  expect(await client.products.get(id)).toEqual(product);
});

test.each([
  ['a broken connection', cut],
  ['503', problem(503, 'unavailable')],
  ['502 of a proxy without a problem document', answer(502, {})],
  ['429 with Retry-After', problem(429, 'rate_limited', { 'Retry-After': '0' })],
])('a read is retried after %s', async (_what, failure) => {
  const { client, retried } = await serverAnd(failure, answer(200, product));
  expect(await client.products.get(id)).toEqual(product);
  expect(retried).toEqual([`GET /v1/products/${id}`]);
});

test.each([
  ['a proxy that knows no such path', answer(404, 'nothing here', { 'Content-Type': 'text/html' })],
  ['another service', problem(404, 'no_route')],
  ['another service with our word for it', problem(404, 'not_found')],
])('the 404 of %s is not a missing product', async (_what, elsewhere) => {
  const { client } = await serverAnd(elsewhere);
  const noRoute = { name: 'CatalogProblem', status: 404, code: 'no_route' };
  await expect(client.products.get(id)).rejects.toMatchObject(noRoute);
  await expect(client.products.getBySku('LAMP-1')).rejects.toMatchObject(noRoute);
  await expect(client.settings.get()).rejects.toMatchObject(noRoute);
});

test('the 404 of catalog-read is a missing product', async () => {
  const { client } = await serverAnd(problem(404, 'not_found', { 'Catalog-Version': '7' }));
  expect(await client.products.get(id)).toBeNull();
  expect(await client.products.getBySku('LAMP-1')).toBeNull();
});

test('an answer that says nothing about an id does not make it missing', async () => {
  const { client } = await serverAnd(answer(200, { data: [], missing: [] }));
  const reads = [id, id.replace(/1$/, '2')].map((one) => client.products.get(one));
  for (const read of await Promise.allSettled(reads))
    expect(read).toMatchObject({ status: 'rejected', reason: { code: 'unexpected_answer' } });
});

test('a read that keeps failing is tried three times', async () => {
  const { client, server } = await serverAnd(problem(503, 'unavailable'));
  await expect(client.products.get(id)).rejects.toThrow(CatalogUnavailable);
  expect(server.asked).toHaveLength(3);
});

test('a create is retried under the same Idempotency-Key', async () => {
  const { client, server } = await serverAnd(
    cut,
    problem(409, 'conflict', { 'Retry-After': '0' }),
    answer(201, product),
  );
  expect(await client.products.create(newProduct)).toEqual(product);
  const keys = server.headers.map((headers) => headers['idempotency-key']);
  expect(keys[0]).toMatch(/^[\w-]{36}$/);
  expect(new Set(keys).size).toBe(1);
  expect(keys).toHaveLength(3);
});

test.each([
  ['a broken connection', cut],
  ['503, which may come after the commit', problem(503, 'unavailable')],
  ['409 with Retry-After', problem(409, 'busy', { 'Retry-After': '0' })],
])('a change is not retried after %s', async (_what, failure) => {
  const { client, server } = await serverAnd(failure, answer(200, product));
  await expect(client.products.update(product, { name: 'x' })).rejects.toThrow();
  expect(server.asked).toHaveLength(1);
});

test('a change is retried when it cannot have had an effect', async () => {
  const { client, server } = await serverAnd(
    problem(429, 'rate_limited', { 'Retry-After': '0' }),
    answer(200, product),
  );
  expect(await client.products.update(product, { name: 'x' })).toEqual(product);
  expect(server.asked).toHaveLength(2);
});

test('reads are not retried once the retry budget is used up, and requests refill it', async () => {
  const { client, server } = await serverAnd(problem(503, 'unavailable'));
  for (let call = 0; call < 20; call++) await client.products.get(id).catch(() => undefined);
  // 20 calls, 10 retries from the reserve, and one retry for every ten calls.
  expect(server.asked.length).toBeGreaterThanOrEqual(30);
  expect(server.asked.length).toBeLessThanOrEqual(32);
});

test('a refusal of the service is passed on as it is, without a retry', async () => {
  const { client, server } = await serverAnd(problem(403, 'forbidden'));
  const error: unknown = await client.products.get(id).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(CatalogProblem);
  expect(error).toMatchObject({
    status: 403,
    code: 'forbidden',
    message: 'forbidden happened',
    requestId: 'r-1',
  });
  expect(server.asked).toHaveLength(1);
});

test('an answer that does not fit the schema is an error', async () => {
  const { client } = await serverAnd(answer(200, { ...product, priceMinor: -1 }));
  await expect(client.products.get(id)).rejects.toMatchObject({ code: 'unexpected_answer' });
});

test('a redirect is not followed, because the token is only for this service', async () => {
  const elsewhere = open.use(await scriptedServer(answer(200, product)));
  const { client } = await serverAnd(answer(307, {}, { Location: elsewhere.url }));
  await expect(client.products.get(id)).rejects.toThrow(CatalogUnavailable);
  expect(elsewhere.asked).toEqual([]);
});

test('a retry whose pause would exceed the deadline is not made', async () => {
  const { client, server } = await serverAnd(problem(503, 'unavailable', { 'Retry-After': '1' }));
  await expect(client.products.get(id, { timeout_ms: 900 })).rejects.toMatchObject({
    reason: 'overloaded',
    retryAfter_ms: 1_000,
  });
  expect(server.asked).toHaveLength(1);
});

test('a deadline ends the call and is passed on to the service', async () => {
  const { client, server } = await serverAnd(silent);
  await expect(client.products.get(id, { timeout_ms: 1_500 })).rejects.toMatchObject({ reason: 'deadline' });
  const passedOn_ms = Number(server.headers[0]?.['request-timeout-ms']);
  expect(passedOn_ms).toBeGreaterThan(0);
  expect(passedOn_ms).toBeLessThanOrEqual(1_500);
});

test('of two callers in one batch, only the one whose deadline is over fails', async () => {
  const other = '0190c0de-0000-7000-8000-000000000002';
  const { client } = await serverAnd((res) => {
    setTimeout(() => answer(200, { data: [product], missing: [other] })(res), 150);
  });
  const [patient, impatient] = await Promise.allSettled([
    client.products.get(id),
    client.products.get(other, { timeout_ms: 30 }),
  ]);
  expect(patient).toMatchObject({ status: 'fulfilled', value: product });
  expect(impatient).toMatchObject({ status: 'rejected', reason: { reason: 'deadline' } });
});

test('the signal of the caller ends its wait with the reason of the signal', async () => {
  const { client } = await serverAnd(silent);
  const controller = new AbortController();
  const read = client.products.get(id, { signal: controller.signal });
  controller.abort(new Error('the user went away'));
  await expect(read).rejects.toThrow('the user went away');
});

test('the signal of the caller also ends the pause before a retry', async () => {
  const controller = new AbortController();
  const server = open.use(await scriptedServer(problem(503, 'unavailable', { 'Retry-After': '2' })));
  const client = createCatalogClient({
    readUrl: server.url,
    events: { retried: () => controller.abort(new Error('the user went away')) },
  });
  await expect(client.settings.get({ signal: controller.signal })).rejects.toThrow('the user went away');
  expect(server.asked).toHaveLength(1);
});

test.each([
  ['does not exist', 'nowhere/key.json', 'cannot be read: ENOENT'],
  ['has other content', import.meta.filename, 'holds no private Ed25519 key as a JWK with a kid'],
])('a key file that %s throws ServiceKeyError, and no request is sent', async (_what, keyFile, message) => {
  const server = open.use(await scriptedServer(answer(200, product)));
  const client = createCatalogClient({ readUrl: server.url, identity: { service: 'test', keyFile } });
  const error: unknown = await client.products.get(id).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(ServiceKeyError);
  expect(error).toMatchObject({ file: keyFile, message: `${keyFile} ${message}` });
  expect(server.asked).toEqual([]);
});

test.each(['.', '..'])('the SKU %j is refused, because it cannot be part of a URL', async (sku) => {
  const { client, server } = await serverAnd(answer(200, product));
  await expect(client.products.getBySku(sku)).rejects.toMatchObject({ code: 'invalid_request' });
  expect(server.asked).toEqual([]);
});

test('a bad id in a batch fails alone, before the request is sent', async () => {
  const { client, server } = await serverAnd(answer(200, product));
  const [bad, good] = await Promise.allSettled([client.products.get('1 OR 1=1'), client.products.get(id)]);
  expect(bad).toMatchObject({ status: 'rejected', reason: { status: 400, code: 'invalid_request' } });
  expect(good).toMatchObject({ status: 'fulfilled' });
  expect(server.asked).toHaveLength(1);
});
