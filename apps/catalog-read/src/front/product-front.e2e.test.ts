/** The front and Express give the same answers, byte by byte. */
import { randomUUID } from 'node:crypto';
import type { FrontAnswer } from '@catalog/service-kit';
import { rawHttp } from '@catalog/testing';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Reader, startStores, type Stores } from '../testing/running-catalog-read.ts';
import { comparable } from './comparable.fixture.ts';
import { ProductFront } from './product-front.ts';

let stores: Stores;
let reader: Reader;
/** It keeps nothing in its near cache. */
let farReader: Reader;
let redis: Redis;
let product: { readonly id: string; readonly sku: string; readonly version: number };
let other: { readonly id: string };
const answer = vi.spyOn(ProductFront.prototype, 'answer');
/** How the front took the last request. */
const frontTook = () => answer.mock.results.at(-1)?.value as FrontAnswer | undefined;

beforeAll(async () => {
  stores = await startStores();
  reader = await stores.reader();
  farReader = await stores.reader({ nearCache_bytes: 1 });
  await Promise.all([reader.ready(), farReader.ready()]);
  redis = new Redis(stores.cacheRedis.url);
  product = await stores.insert({ sku: 'FRONT-1(a/b c)', description: 'äöü € 🚚' });
  other = await stores.insert({ sku: 'FRONT-2' });
  await reader.get(`/v1/products/by-sku/${encodeURIComponent(product.sku)}`);
});
afterAll(async () => {
  redis?.disconnect();
  await stores?.[Symbol.asyncDispose]();
});

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
}

const send = ({ method, path, headers }: Sent, more: readonly string[] = [], to = reader) =>
  rawHttp(to.port, [`${method} ${path} HTTP/1.1`, ...headers, ...more, '', ''].join('\r\n'), {
    quiet_ms: 5_000,
  });

/** The front leaves requests with this header to Express. Without trusted proxies it means nothing there. */
const toExpress = ['X-Forwarded-For: 192.0.2.1'];

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
  'no time': () => ['Request-Timeout-Ms: 0'],
  'some time': () => ['Request-Timeout-Ms: 60000'],
  'a time that is none': () => ['Request-Timeout-Ms: soon'],
  'two times': () => ['Request-Timeout-Ms: 60000', 'Request-Timeout-Ms: 60000'],
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
const nobody = '01890000-0000-7000-8000-000000000000';
const paths: Record<string, () => string> = {
  'by id': () => `/v1/products/${product.id}`,
  'by SKU': () => `/v1/products/by-sku/${encodeURIComponent(product.sku)}`,
  'many by id': () => `/v1/products?ids=${product.id},${other.id}`,
  'many by id, with encoded commas': () => `/v1/products?ids=${product.id}%2C${other.id}%2c${nobody}`,
  'many by id, two of them equal': () =>
    `/v1/products?ids=${product.id},${other.id},${product.id},${product.id.toUpperCase()}`,
  'many by id, one of which no product has': () => `/v1/products?ids=${product.id},${nobody}`,
  'many by id, one of which is none': () => `/v1/products?ids=${product.id},${'x'.repeat(36)}`,
  'many by id, with two kinds of commas': () => `/v1/products?ids=${product.id},${other.id}%2C${nobody}`,
  'many by id, with a comma behind': () => `/v1/products?ids=${product.id},`,
  'many by id, with a space': () => `/v1/products?ids=${product.id},+${other.id}`,
  'many by id, with another parameter': () => `/v1/products?ids=${product.id}&limit=1`,
  'many by id, twice': () => `/v1/products?ids=${product.id}&ids=${other.id}`,
  'too many by id': () => `/v1/products?ids=${Array(101).fill(nobody).join()}`,
  'none by id': () => '/v1/products?ids=',
  'by another address': () => `/v1/productsx?ids=${product.id}`,
  'by an id in capitals': () => `/v1/products/${product.id.toUpperCase()}`,
  'by a SKU in which all is encoded': () =>
    `/v1/products/by-sku/${Buffer.from(product.sku).toString('hex').replaceAll(/../g, '%$&')}`,
  'by a SKU with a broken encoding': () => `/v1/products/by-sku/${encodeURIComponent(product.sku)}%2`,
  'by a SKU with a character of two bytes': () => '/v1/products/by-sku/FRONT-%C3%A4',
  'by a SKU with bytes that are no character': () => '/v1/products/by-sku/FRONT-%C3',
  'by a SKU with characters that need no encoding': () => "/v1/products/by-sku/A~!$&'()*+,;=:@._-",
  'by a SKU with other characters': () => '/v1/products/by-sku/A{}|^"<>`\\[]',
  'by a SKU that ends with a space': () => '/v1/products/by-sku/A%20',
  'by a SKU of 64 characters': () => `/v1/products/by-sku/${'x'.repeat(64)}`,
  'by a SKU of 65 characters': () => `/v1/products/by-sku/${'x'.repeat(65)}`,
  'by a SKU of 65 encoded characters': () => `/v1/products/by-sku/${'%41'.repeat(65)}`,
  'by a SKU with a slash': () => '/v1/products/by-sku/A/B',
  'by no SKU': () => '/v1/products/by-sku/',
  'by an id that no product has': () => `/v1/products/${nobody}`,
  'by the SKU in small letters': () => `/v1/products/by-sku/${encodeURIComponent(product.sku).toLowerCase()}`,
  'by an id with a slash': () => `/v1/products/${product.id}/`,
  'by an id with a query': () => `/v1/products/${product.id}?x=1`,
  'by a SKU with a query': () => `/v1/products/by-sku/${encodeURIComponent(product.sku)}?x=1`,
  'by a SKU with a fragment': () => `/v1/products/by-sku/${encodeURIComponent(product.sku)}#x`,
  'in the wrong case': () => `/V1/products/${product.id}`,
  'by another word of this length': () => `/v1/products/${'x'.repeat(36)}`,
};
/** Mostly the first ones, which the front answers. */
const oneOf = <T>(of: Record<string, T>, frequent = 2) => {
  const names = Object.keys(of);
  return fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...names.slice(0, frequent)) },
    { weight: 1, arbitrary: fc.constantFrom(...names.slice(frequent)) },
  );
};

/** Where the product is when a request comes. Each of the two requests that are compared finds it there. */
interface Place {
  readonly by: () => Reader;
  readonly prepare?: () => Promise<unknown>;
  readonly took: FrontAnswer;
  readonly says: string;
}
const places: Record<string, Place> = {
  'in the near cache': { by: () => reader, took: 'answered', says: 'hit; detail=near' },
  'in Redis': { by: () => farReader, took: 'later', says: 'hit; detail=redis' },
  'only in Postgres': {
    by: () => farReader,
    prepare: () => redis.flushall(),
    took: 'later',
    says: 'fwd=miss; stored',
  },
};

test.each(Object.keys(places))(
  'both ways give the same answer to the same request for a product %s',
  { timeout: 240_000 },
  async (place) => {
    const { by, prepare, took, says } = places[place] as Place;
    let taken = 0;
    const seen = new Set<string | undefined>();
    const request = fc.record({
      method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'POST', 'DELETE'),
      path: fc.oneof(oneOf(paths, 3), fc.constantFrom(...Object.keys(paths))),
      token: oneOf(tokens),
      condition: oneOf(conditions),
      oddity: oneOf(oddities),
    });
    await fc.assert(
      fc.asyncProperty(request, async (made) => {
        const { method } = made;
        const path = paths[made.path]?.() ?? '';
        const headers = [
          ...usual,
          ...(tokens[made.token]?.() ?? []),
          ...(conditions[made.condition]?.() ?? []),
          ...(oddities[made.oddity]?.() ?? []),
        ];
        // The marker stands first: a body may follow the last header.
        const marked = { method, path, headers: [...toExpress, ...headers] };
        // The first one fills the caches.
        await send(marked, [], by());
        let [byExpress, plain] = ['', 'nothing'];
        // On a busy machine a store may be too slow for one of the two. A real difference is there each time.
        for (let attempt = 0; attempt < 3 && comparable(plain) !== comparable(byExpress); attempt++) {
          await prepare?.();
          byExpress = await send(marked, [], by());
          await prepare?.();
          answer.mockClear();
          plain = await send({ method, path, headers }, [], by());
        }
        if (frontTook() === took) taken += 1;
        seen.add(/^Cache-Status: catalog-read; (.*)\r$/m.exec(plain)?.[1]);
        expect(comparable(plain)).toBe(comparable(byExpress));
      }),
      { numRuns: 300 },
    );
    expect(taken).toBeGreaterThan(20);
    expect([...seen]).toContain(says);
  },
);

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
      expect(frontTook()).toBe('answered');
      expect(whole).toContain('Cache-Status: catalog-read; hit; detail=near\r\n');
      expect(whole).toContain('Connection: keep-alive\r\nKeep-Alive: timeout=');
      const byExpress = await rawHttp(reader.port, `${request}${toExpress.join('')}\r\n${lines}\r\n`);
      expect(comparable(whole)).toBe(comparable(byExpress));
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
  expect(frontTook()).toBe('answered');
  expect(await left()).toBe(first - 1);
  expect(viewed).toHaveBeenCalledTimes(2);
  expect(await reader.metric(seen)).toBe(before + 2);
});

test('a HEAD and a second read within a minute are no views, on both ways', async () => {
  const { id } = await stores.insert({ sku: `FRONT-${randomUUID()}` });
  const sub = randomUUID();
  const authorization = `Bearer ${stores.tokens.sign({ aud: 'catalog-read', scope: 'catalog:read', sub })}`;
  const read = async (method: string, more: Record<string, string> = {}) => {
    const url = `http://127.0.0.1:${reader.port}/v1/products/${id}`;
    await (await fetch(url, { method, headers: { authorization, ...more } })).text();
  };
  const byExpress = { 'X-Forwarded-For': '192.0.2.1' };
  await read('HEAD', byExpress);
  await read('HEAD');
  expect(await stores.countedViews(reader, id)).toBeNull();
  await read('GET', byExpress);
  await read('GET');
  expect(await stores.countedViews(reader, id)).toBe('1');
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
