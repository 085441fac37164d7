/** The front and Express give the same answers, byte by byte. */
import { randomUUID } from 'node:crypto';
import { rawHttp } from '@catalog/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Reader, startStores, type Stores } from '../testing/running-catalog-read.ts';
import { ProductFront } from './product-front.ts';

let stores: Stores;
let reader: Reader;
let product: { readonly id: string; readonly sku: string; readonly version: number };
const answer = vi.spyOn(ProductFront.prototype, 'answer');
/** Whether the front has answered the last request. */
const frontAnswered = () => answer.mock.results.at(-1)?.value as boolean | undefined;

beforeAll(async () => {
  stores = await startStores();
  reader = await stores.reader();
  await reader.ready();
  product = await stores.insert({ sku: 'FRONT-1', description: 'äöü € 🚚' });
  await reader.get(`/v1/products/by-sku/${product.sku}`);
});
afterAll(() => stores?.[Symbol.asyncDispose]());

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
}

const send = ({ method, path, headers }: Sent, more: readonly string[] = []) =>
  rawHttp(reader.port, [`${method} ${path} HTTP/1.1`, ...headers, ...more, '', ''].join('\r\n'));

/** The front leaves requests with this header to Express. Without trusted proxies it means nothing there. */
const toExpress = ['X-Forwarded-For: 192.0.2.1'];

/** Without what differs between any two answers: the time, how many requests are left, and an id that the service made. */
const comparable = (text: string) =>
  text
    .replace(/^Date: .*$/m, 'Date: now')
    .replace(/^Age: \d+\r$/m, 'Age: some\r')
    .replace(/r=\d+;t=\d+/, 'r=some;t=some')
    .replace(
      /^Content-Length: .*((?:\r\n.+)*)\r\nX-Request-Id: (?!same).*$/m,
      'Content-Length: some$1\r\nX-Request-Id: made',
    )
    .replace(/"requestId":"(?!same)[^"]*"/, '"requestId":"made"');

const usual = ['Host: catalog', 'Connection: close', 'X-Request-Id: same'];
const tag = () => `"${product.version}-1"`;
const token = (scope: string, claims = {}) =>
  `Authorization: Bearer ${stores.tokens.sign({ aud: 'catalog-read', scope, ...claims })}`;
const tokens: Record<string, () => string[]> = {
  'no token': () => [],
  'a token': () => [token('catalog:read')],
  'a token of another scope': () => [token('catalog:write')],
  'an expired token': () => [token('catalog:read', { exp: 1 })],
  'no JWT': () => ['Authorization: Bearer nonsense'],
  'two tokens': () => [token('catalog:read'), token('catalog:read')],
};
const conditions: Record<string, () => string[]> = {
  none: () => [],
  'the tag': () => [`If-None-Match: ${tag()}`],
  'the weak tag among others': () => [`if-none-match: "1-1", W/${tag()}`],
  'any tag': () => ['IF-NONE-MATCH: *'],
  'another tag': () => ['If-None-Match: "1-1"'],
  'two lists': () => ['If-None-Match: "1-1"', `If-None-Match: ${tag()}`],
};
const oddities: Record<string, () => string[]> = {
  none: () => [],
  'a timeout': () => ['Request-Timeout-Ms: 0'],
  'a version that is there': () => [`Min-Version: ${product.version}`],
  'a version that is not there': () => ['Min-Version: 9007199254740991'],
  'no version': () => ['Min-Version: x'],
  'a second host': () => ['Host: other'],
  'an empty body': () => ['Content-Length: 0'],
  'a body': () => ['Transfer-Encoding: chunked', '', '0'],
  'an expectation': () => ['Expect: something'],
  'many other names': () => [
    'Accept: */*',
    'Accept-Encoding: gzip',
    'Cookie: a=b',
    'From: x',
    'TE: trailers',
  ],
};
const paths: Record<string, () => string> = {
  'by id': () => `/v1/products/${product.id}`,
  'by SKU': () => `/v1/products/by-sku/${product.sku}`,
  'by an id in capitals': () => `/v1/products/${product.id.toUpperCase()}`,
  'by an encoded SKU': () => `/v1/products/by-sku/${product.sku.replace('-', '%2D')}`,
  'by the SKU in small letters': () => `/v1/products/by-sku/${product.sku.toLowerCase()}`,
  'by an id with a slash': () => `/v1/products/${product.id}/`,
  'by an id with a query': () => `/v1/products/${product.id}?x=1`,
  'by a SKU with a query': () => `/v1/products/by-sku/${product.sku}?x=1`,
  'by a SKU with a fragment': () => `/v1/products/by-sku/${product.sku}#x`,
  'in the wrong case': () => `/V1/products/${product.id}`,
  'by another word of this length': () => `/v1/products/${'x'.repeat(36)}`,
};
/** Mostly the first two, which the front answers. */
const oneOf = <T>(of: Record<string, T>) => {
  const [first = '', second = '', ...others] = Object.keys(of);
  return fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(first, second) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );
};

test('both ways give the same answer to the same request', { timeout: 120_000 }, async () => {
  let answered = 0;
  const request = fc.record({
    method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'POST', 'DELETE'),
    path: oneOf(paths),
    token: oneOf(tokens),
    condition: oneOf(conditions),
    oddity: oneOf(oddities),
  });
  const sent = (made: {
    method: string;
    path: string;
    token: string;
    condition: string;
    oddity: string;
  }): Sent => ({
    method: made.method,
    path: paths[made.path]?.() ?? '',
    headers: [
      ...usual,
      ...(tokens[made.token]?.() ?? []),
      ...(conditions[made.condition]?.() ?? []),
      ...(oddities[made.oddity]?.() ?? []),
    ],
  });
  await fc.assert(
    fc.asyncProperty(request, async (made) => {
      const { method, path, headers } = sent(made);
      // The marker stands first: a body may follow the last header.
      const marked = { method, path, headers: [...toExpress, ...headers] };
      // The first one fills the caches.
      await send(marked);
      const byExpress = await send(marked);
      answer.mockClear();
      const plain = await send({ method, path, headers });
      if (frontAnswered() === true) answered += 1;
      expect(comparable(plain)).toBe(comparable(byExpress));
    }),
    { numRuns: 300 },
  );
  expect(answered).toBeGreaterThan(20);
});

test.each(['by id', 'by SKU'])(
  'the front answers a near hit %s, and so it does again on the same connection',
  async (by) => {
    const request = `GET ${paths[by]?.()} HTTP/1.1\r\nHost: catalog\r\n`;
    for (const more of ['', token('catalog:read')]) {
      const lines = more === '' ? '' : `${more}\r\n`;
      // Express checks a new token once.
      await send({ method: 'GET', path: paths[by]?.() ?? '', headers: usual }, more === '' ? [] : [more]);
      answer.mockClear();
      const whole = await rawHttp(reader.port, `${request}${lines}\r\n`);
      expect(frontAnswered()).toBe(true);
      expect(whole).toContain('Cache-Status: catalog-read; hit; detail=near\r\n');
      expect(whole).toContain('"description":"äöü € 🚚"');
      const pipelined = await rawHttp(
        reader.port,
        `${request}${lines}\r\n${request}${lines}Connection: close\r\n\r\n`,
      );
      expect(pipelined.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
    }
  },
);

test('a request behind one that waits is not answered before it', async () => {
  const other = await stores.insert({ sku: `FRONT-${randomUUID()}` });
  const get = (id: string, more = '') => `GET /v1/products/${id} HTTP/1.1\r\nHost: catalog\r\n${more}\r\n`;
  const both = await rawHttp(reader.port, get(other.id) + get(product.id, 'Connection: close\r\n'));
  expect(both.indexOf(other.id)).toBeGreaterThan(0);
  expect(both.indexOf(other.id)).toBeLessThan(both.indexOf(product.id));
});

test('the front counts views, requests of the limit and requests in the metrics', async () => {
  const viewed = vi.spyOn(reader.views, 'countIn');
  const seen = 'http_request_duration_seconds_count{method="GET",route="/v1/products/:id",status="200"';
  const before = await reader.metric(seen);
  const left = async () => {
    const response = await reader.get(`/v1/products/${product.id}`);
    return Number(/r=(\d+)/.exec(response.headers.get('ratelimit') ?? '')?.[1]);
  };
  const first = await left();
  expect(frontAnswered()).toBe(true);
  expect(await left()).toBe(first - 1);
  expect(viewed).toHaveBeenCalledTimes(2);
  expect(await reader.metric(seen)).toBe(before + 2);
});

test('above the limit the front leaves the refusal to Express', async () => {
  const limited = await stores.reader({ requestsPerMinute: 3 });
  await limited.ready();
  // A caller of its own: the other tests count for the address.
  const authorization = `Bearer ${stores.tokens.sign({ aud: 'catalog-read', scope: 'catalog:read', sub: 'limited' })}`;
  const get = () => limited.get(`/v1/products/${product.id}`, { authorization });
  const statuses = [];
  for (let n = 0; n < 6; n++) statuses.push((await get()).status);
  expect(statuses).toEqual([200, 200, 200, 429, 429, 429]);
});

test('after a change of the SKU the front does not show the product by its old SKU', async () => {
  const moved = await stores.insert({ sku: 'FRONT-OLD' });
  await reader.get('/v1/products/by-sku/FRONT-OLD');
  expect((await reader.get('/v1/products/by-sku/FRONT-OLD')).headers.get('cache-status')).toContain('near');
  await stores.owner.query("update catalog.products set sku = 'FRONT-NEW' where id = $1", [moved.id]);
  await vi.waitFor(async () => {
    expect((await reader.get('/v1/products/by-sku/FRONT-OLD')).status).toBe(404);
    expect((await reader.get('/v1/products/by-sku/FRONT-NEW')).status).toBe(200);
  }, 10_000);
});
