/** Requests that repeat the headers of their connection get the answers of Express, byte by byte. */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { manualClock, type ManualClock, rawHttp } from '@catalog/testing';
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
const nobody = '01890000-0000-7000-8000-000000000000';
const answerRepeated = vi.spyOn(ProductFront.prototype, 'answerRepeated');

beforeAll(async () => {
  stores = await startStores();
  reader = await stores.reader();
  farReader = await stores.reader({ nearCache_bytes: 1 });
  await Promise.all([reader.ready(), farReader.ready()]);
  redis = new Redis(stores.cacheRedis.url);
  product = await stores.insert({ sku: 'REPEATED-1(a/b c)', description: 'äöü € 🚚' });
  other = await stores.insert({ sku: 'REPEATED-2' });
});
afterAll(async () => {
  redis?.disconnect();
  await stores?.[Symbol.asyncDispose]();
});

/** Sends each request when the one before is answered. */
async function onOneConnection(
  port: number,
  requests: readonly (() => Promise<string>)[],
): Promise<string[]> {
  const socket = connect(port, '127.0.0.1');
  const answers: string[] = [];
  try {
    for (const request of requests) {
      socket.write(await request(), 'latin1');
      let text = '';
      while (!isWhole(text)) text += ((await once(socket, 'data')) as [Buffer])[0].toString('latin1');
      answers.push(text);
    }
    return answers;
  } finally {
    socket.destroy();
  }
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n') + 4;
  if (end < 4) return false;
  const length = text.startsWith('HTTP/1.1 304') ? '0' : /^Content-Length: (\d+)/im.exec(text)?.[1];
  return text.length - end >= Number(length);
}

const paths: Record<string, () => string> = {
  'by id': () => `/v1/products/${product.id}`,
  'by SKU': () => `/v1/products/by-sku/${encodeURIComponent(product.sku)}`,
  'by an id that no product has': () => `/v1/products/${nobody}`,
  'by an id in capitals': () => `/v1/products/${product.id.toUpperCase()}`,
  'by a SKU that no product has': () => '/v1/products/by-sku/REPEATED-NOBODY',
  'many by id': () => `/v1/products?ids=${product.id},${other.id}`,
  'many by id, some twice': () =>
    `/v1/products?ids=${product.id}%2C${nobody}%2C${other.id}%2C${product.id}%2C${nobody}`,
  'a hundred by id': () => `/v1/products?ids=${[product.id, ...Array<string>(99).fill(other.id)].join()}`,
  'by an address that is none': () => `/v1/products/${'x'.repeat(36)}`,
};
const heads: Record<string, () => string[]> = {
  'no token': () => [],
  'a token': () => [
    `Authorization: Bearer ${stores.tokens.sign({ aud: 'catalog-read', scope: 'catalog:read', sub: 'one' })}`,
  ],
  'a token of another scope': () => [
    `Authorization: Bearer ${stores.tokens.sign({ aud: 'catalog-read', scope: 'catalog:write', sub: 'one' })}`,
  ],
  'the tag': () => [`If-None-Match: "${product.version}-1"`],
  'some time': () => ['Request-Timeout-Ms: 60000'],
  'no time': () => ['Request-Timeout-Ms: 0'],
};
/** The front leaves requests with this header to Express. */
const toExpress = 'X-Forwarded-For: 192.0.2.1';

interface Place {
  readonly by: () => Reader;
  readonly prepare?: () => Promise<unknown>;
}
const places: Record<string, Place> = {
  'in the near cache': { by: () => reader },
  'in Redis': { by: () => farReader },
  'only in Postgres': { by: () => farReader, prepare: () => redis.flushall() },
};

test.each(Object.keys(places))('for a product %s', { timeout: 240_000 }, async (place) => {
  const { by, prepare } = places[place] as Place;
  let repeated = 0;
  const asked = fc.record({
    path: fc.constantFrom(...Object.keys(paths)),
    head: fc.constantFrom(...Object.keys(heads)),
  });
  await fc.assert(
    fc.asyncProperty(asked, async (made) => {
      const path = paths[made.path]?.() ?? '';
      const lines = heads[made.head]?.() ?? [];
      const get = (...more: string[]) =>
        [`GET ${path} HTTP/1.1`, 'Host: catalog', ...lines, ...more, '', ''].join('\r\n');
      const prepared = (text: string) => async () => {
        await prepare?.();
        return text;
      };
      let [byExpress, plain] = ['', 'nothing'];
      // On a busy machine a store may be too slow for one of the two. A real difference is there each time.
      for (let attempt = 0; attempt < 3 && plain !== byExpress; attempt++) {
        const same = Array.from({ length: 4 }, () => prepared(get()));
        const answers = await onOneConnection(by().port, [...same, prepared(get(toExpress)), ...same]);
        [byExpress, plain] = [comparable(answers[4] ?? ''), comparable(answers.at(-1) ?? '')];
      }
      if (answerRepeated.mock.results.at(-1)?.value !== undefined) repeated += 1;
      expect(plain).toBe(byExpress);
    }),
    { numRuns: 80 },
  );
  expect(repeated).toBeGreaterThan(20);
});

test('a repeated request takes one from the limit, also if it is answered with an error', async () => {
  const left = (answer: string) => Number(/r=(\d+)/.exec(answer)?.[1]);
  for (const id of [product.id, nobody]) {
    const get = async () => `GET /v1/products/${id} HTTP/1.1\r\nHost: catalog\r\n\r\n`;
    const answers = await onOneConnection(farReader.port, Array(8).fill(get));
    const limits = answers.map(left);
    expect(limits).toEqual(limits.map((_, index) => (limits[0] ?? 0) - index));
  }
});

test('of several callers on one connection each pays for its own requests, sent ahead or not', async () => {
  const signed = (sub: string) => stores.tokens.sign({ aud: 'catalog-read', scope: 'catalog:read', sub });
  const callers = [
    { lines: '' },
    ...['ann', 'bob'].map((sub) => ({ lines: `Authorization: Bearer ${signed(sub)}\r\n` })),
  ];
  const many = Array<string>(10).fill(product.id).join();
  const addresses = [
    { path: `/v1/products/${product.id}`, cost: 1 },
    { path: `/v1/products?ids=${many}`, cost: 10 },
  ];
  const requests = Array.from({ length: 60 }, (_, n) => {
    // Each caller sends two in a row, so that some repeat the headers before them.
    const caller = Math.floor(n / 2) % callers.length;
    const { path, cost } = addresses[n % 5 === 0 ? 1 : 0] as (typeof addresses)[number];
    return { caller, cost, text: `GET ${path} HTTP/1.1\r\nHost: catalog\r\n${callers[caller]?.lines}\r\n` };
  });
  const oneByOne = await onOneConnection(
    reader.port,
    requests.map(
      ({ text }) =>
        async () =>
          text,
    ),
  );
  const texts = requests.map(({ text }) => text).join('');
  const last = 'GET /livez HTTP/1.1\r\nHost: catalog\r\nConnection: close\r\n\r\n';
  const sentAhead = await rawHttp(reader.port, texts + last, { quiet_ms: 5_000 });
  for (const answers of [oneByOne, sentAhead.split(/(?=HTTP\/1\.1 )/).slice(0, -1)]) {
    expect(answers).toHaveLength(requests.length);
    const left = callers.map(() => Number.NaN);
    for (const [n, { caller, cost }] of requests.entries()) {
      const now = Number(/r=(\d+)/.exec(answers[n] ?? '')?.[1]);
      const before = left[caller] ?? Number.NaN;
      left[caller] = now;
      if (!Number.isNaN(before)) expect(before - now).toBe(cost);
    }
  }
});

/** @param withdraw runs when the headers of the connection are known */
async function afterwards(withdraw: (clock: ManualClock) => Promise<void>) {
  const clock = manualClock(Date.now());
  await using own = await stores.reader({ clock });
  await own.ready();
  const token = stores.tokens.sign({ aud: 'catalog-read', scope: 'catalog:read', sub: 'one' });
  const get = `GET /v1/products/${product.id} HTTP/1.1\r\nHost: catalog\r\nAuthorization: Bearer ${token}\r\n\r\n`;
  const known = Array.from({ length: 8 }, () => async () => get);
  let wasRepeated: unknown;
  const last = async () => {
    wasRepeated = answerRepeated.mock.results.at(-1)?.value;
    await withdraw(clock);
    return get;
  };
  const answers = await onOneConnection(own.port, [...known, last, async () => get]);
  expect(wasRepeated).toBeDefined();
  return answers.map((answer) => answer.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length));
}
const refusedFromThenOn = [...Array<string>(8).fill('200'), '401', '401'];

test('a token that expires is refused on a connection whose headers are known', async () => {
  expect(await afterwards((clock) => clock.advance(306_000))).toEqual(refusedFromThenOn);
});

test('a token whose key is withdrawn is refused on a connection whose headers are known', async () => {
  const { jwksFile } = stores.tokens;
  const keys = readFileSync(jwksFile, 'utf8');
  try {
    const answers = await afterwards(async (clock) => {
      writeFileSync(jwksFile, '{"keys":[]}');
      await clock.advance(1_000);
    });
    expect(answers).toEqual(refusedFromThenOn);
  } finally {
    writeFileSync(jwksFile, keys);
  }
});
