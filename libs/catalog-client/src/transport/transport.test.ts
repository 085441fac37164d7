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

test('a field that this client does not know is no error', async () => {
  const { client } = await serverAnd(answer(200, { ...product, colour: 'red' }));
  expect(await client.products.get(id)).toEqual(product);
});

test.each([
  ['a connection that breaks', cut],
  ['503', problem(503, 'unavailable')],
  ['502 of a proxy that says nothing', answer(502, {})],
  ['429 that says when to come back', problem(429, 'rate_limited', { 'Retry-After': '0' })],
])('a read is repeated after %s', async (_what, failure) => {
  const { client, retried } = await serverAnd(failure, answer(200, product));
  expect(await client.products.get(id)).toEqual(product);
  expect(retried).toEqual([`GET /v1/products/${id}`]);
});

test('a read that keeps failing is tried three times', async () => {
  const { client, server } = await serverAnd(problem(503, 'unavailable'));
  await expect(client.products.get(id)).rejects.toThrow(CatalogUnavailable);
  expect(server.asked).toHaveLength(3);
});

test('a create is repeated under the same Idempotency-Key', async () => {
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
  ['a connection that breaks', cut],
  ['503, which may have come after the commit', problem(503, 'unavailable')],
  ['409 with Retry-After', problem(409, 'busy', { 'Retry-After': '0' })],
])('a change is not repeated after %s', async (_what, failure) => {
  const { client, server } = await serverAnd(failure, answer(200, product));
  await expect(client.products.update(product, { name: 'x' })).rejects.toThrow();
  expect(server.asked).toHaveLength(1);
});

test('a change is repeated where it cannot have arrived', async () => {
  const { client, server } = await serverAnd(
    problem(429, 'rate_limited', { 'Retry-After': '0' }),
    answer(200, product),
  );
  expect(await client.products.update(product, { name: 'x' })).toEqual(product);
  expect(server.asked).toHaveLength(2);
});

test('no read is repeated once the budget is used up, and it fills with use', async () => {
  const { client, server } = await serverAnd(problem(503, 'unavailable'));
  for (let call = 0; call < 20; call++) await client.products.get(id).catch(() => undefined);
  // 20 calls, 10 repetitions at the start, and one for every ten calls.
  expect(server.asked.length).toBeGreaterThanOrEqual(30);
  expect(server.asked.length).toBeLessThanOrEqual(32);
});

test('what the service says is wrong is told as it says it, once', async () => {
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

test('an answer that is no product is an error, not a product', async () => {
  const { client } = await serverAnd(answer(200, { ...product, priceMinor: -1 }));
  await expect(client.products.get(id)).rejects.toMatchObject({ code: 'unexpected_answer' });
});

test('a redirect is not followed: the token is for this service alone', async () => {
  const elsewhere = open.use(await scriptedServer(answer(200, product)));
  const { client } = await serverAnd(answer(307, {}, { Location: elsewhere.url }));
  await expect(client.products.get(id)).rejects.toThrow(CatalogUnavailable);
  expect(elsewhere.asked).toEqual([]);
});

test('a pause that the deadline has no room for is not begun', async () => {
  const { client, server } = await serverAnd(problem(503, 'unavailable', { 'Retry-After': '1' }));
  await expect(client.products.get(id, { timeout_ms: 900 })).rejects.toMatchObject({
    reason: 'overloaded',
    retryAfter_ms: 1_000,
  });
  expect(server.asked).toHaveLength(1);
});

test('a deadline ends the call, and is passed on', async () => {
  const { client, server } = await serverAnd(silent);
  await expect(client.products.get(id, { timeout_ms: 60 })).rejects.toMatchObject({ reason: 'deadline' });
  const passedOn_ms = Number(server.headers[0]?.['request-timeout-ms']);
  expect(passedOn_ms).toBeGreaterThan(0);
  expect(passedOn_ms).toBeLessThanOrEqual(60);
});

test('of two callers in one batch, the impatient one fails alone', async () => {
  const { client } = await serverAnd((res) => {
    setTimeout(() => answer(200, { data: [product], missing: [] })(res), 150);
  });
  const other = '0190c0de-0000-7000-8000-000000000002';
  const [patient, impatient] = await Promise.allSettled([
    client.products.get(id),
    client.products.get(other, { timeout_ms: 30 }),
  ]);
  expect(patient).toMatchObject({ status: 'fulfilled', value: product });
  expect(impatient).toMatchObject({ status: 'rejected', reason: { reason: 'deadline' } });
});

test("the caller's own signal ends its wait with its own reason", async () => {
  const { client } = await serverAnd(silent);
  const controller = new AbortController();
  const read = client.products.get(id, { signal: controller.signal });
  controller.abort(new Error('the user went away'));
  await expect(read).rejects.toThrow('the user went away');
});

test('it ends a pause before a repetition too, with that reason', async () => {
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
  ['is not there', 'nowhere/key.json', 'cannot be read: ENOENT'],
  ['holds something else', import.meta.filename, 'holds no private Ed25519 key as a JWK with a kid'],
])('a key file that %s is an error of its own, and nothing is asked', async (_what, keyFile, message) => {
  const server = open.use(await scriptedServer(answer(200, product)));
  const client = createCatalogClient({ readUrl: server.url, identity: { service: 'test', keyFile } });
  const error: unknown = await client.products.get(id).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(ServiceKeyError);
  expect(error).toMatchObject({ file: keyFile, message: `${keyFile} ${message}` });
  expect(server.asked).toEqual([]);
});

test.each(['.', '..'])('the SKU %j names no address of its own, and is refused', async (sku) => {
  const { client, server } = await serverAnd(answer(200, product));
  await expect(client.products.getBySku(sku)).rejects.toMatchObject({ code: 'invalid_request' });
  expect(server.asked).toEqual([]);
});

test('a bad id fails alone, before it is sent', async () => {
  const { client, server } = await serverAnd(answer(200, product));
  const [bad, good] = await Promise.allSettled([client.products.get('1 OR 1=1'), client.products.get(id)]);
  expect(bad).toMatchObject({ status: 'rejected', reason: { status: 400, code: 'invalid_request' } });
  expect(good).toMatchObject({ status: 'fulfilled' });
  expect(server.asked).toHaveLength(1);
});
