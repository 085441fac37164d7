import { once } from 'node:events';
import { createConnection } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parse as parseCsv } from 'csv-parse/sync';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type Reader, startStores, type Stores } from '../testing/running-catalog-read.ts';
import { exportLimits } from './limits.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let stores: Stores;
let reader: Reader;
const many = 12_000;

beforeAll(async () => {
  stores = await startStores();
  reader = await stores.reader();
  // Inserted by SQL. These tests ask no cache, so they need not wait until all these changes are applied.
  for (let from = 1; from < many; from += 2_000) {
    await stores.owner.query(
      `insert into catalog.products (sku, name, description, brand, category, price_minor, currency, status, attributes)
       select 'MANY-' || n, 'Lamp, "no. ' || n || '"', repeat('A lamp. ', 120),
         case n % 2 when 0 then 'Acme' else 'Globex' end, 'Lighting', n, 'EUR', 'active', jsonb_build_object('n', n)
       from generate_series($1::integer, $1 + 1999) n`,
      [from],
    );
  }
});
afterAll(() => stores?.[Symbol.asyncDispose]());
beforeEach(() => reader.ready());

const exported = async (query = '', headers?: Record<string, string>) => {
  const res = await reader.get(`/v1/products/export?${query}`, headers);
  return { res, text: await res.text() };
};

test('CSV has a header and a row for each active product, as a standard reader reads them', async () => {
  const { res, text } = await exported('format=csv&brand=Acme');
  expect([res.status, res.headers.get('content-type')]).toEqual([
    200,
    'text/csv; charset=utf-8; header=present',
  ]);
  expect(res.headers.get('content-disposition')).toMatch(
    /^attachment; filename="products-\d{4}-\d\d-\d\d\.csv"$/,
  );
  const rows = parseCsv<Record<string, string>>(text, { columns: true });
  expect(rows).toHaveLength(many / 2);
  expect(rows[0]).toMatchObject({ sku: 'MANY-2', name: 'Lamp, "no. 2"', gtin: '', attributes: '{"n": 2}' });
});

test('NDJSON has an object for each product', async () => {
  const { res, text } = await exported('format=ndjson');
  expect(res.headers.get('content-type')).toBe('application/x-ndjson');
  const lines = text.trimEnd().split('\n');
  expect(lines).toHaveLength(many);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    sku: 'MANY-1',
    priceMinor: 1,
    gtin: null,
    attributes: { n: 1 },
  });
});

test.each([
  ['status=draft', 0],
  ['category=Furniture', 0],
  ['q=lamp 1234', 1],
  ['brand=Globex', many / 2],
])('the filters of the list hold: %s', async (query, count) => {
  const { text } = await exported(`format=ndjson&${query}`);
  const rows = text.split('\n').filter((line) => line !== '');
  expect(rows).toHaveLength(count);
});

test.each(['format=xml', 'limit=5', 'cursor=x', 'colour=red', 'status=gone'])(
  '%s is refused',
  async (query) => {
    expect((await exported(query)).res.status).toBe(400);
  },
);

/** An export whose answer is not read. */
async function unread(localAddress = '127.0.0.1'): Promise<AsyncDisposable> {
  const socket = createConnection({ port: reader.port, host: '127.0.0.1', localAddress });
  socket.on('error', () => {});
  socket.write('GET /v1/products/export?format=ndjson HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(socket, 'readable');
  return {
    async [Symbol.asyncDispose]() {
      socket.destroy();
    },
  };
}
const openSnapshots = async (): Promise<number> => {
  const { rowCount } = await stores.owner.query(
    "select from pg_stat_activity where datname = current_database() and usename = 'catalog_read' and xact_start is not null",
  );
  return rowCount ?? -1;
};

test('one caller gets two exports at a time, and a client that goes away frees its place and its snapshot', async () => {
  {
    await using _first = await unread();
    await using _second = await unread();
    expect(await openSnapshots()).toBe(2);
    const { res } = await exported();
    expect([res.status, res.headers.get('retry-after')]).toEqual([429, String(exportLimits.retryAfter_s)]);
  }
  await expect.poll(openSnapshots, { timeout: 10_000 }).toBe(0);
  await expect.poll(async () => (await exported('brand=none')).res.status, { timeout: 10_000 }).toBe(200);
});

// Only Linux has 127.0.0.2 without being asked.
test.runIf(process.platform === 'linux')(
  'callers without a token share two exports, whatever their addresses, and leave a place to those with one',
  async () => {
    {
      await using _first = await unread('127.0.0.2');
      await using _second = await unread('127.0.0.3');
      expect((await exported()).res.status).toBe(429);
      const token = stores.tokens.sign({ aud: 'catalog-read', scope: 'catalog:read', sub: 'orders' });
      const { res } = await exported('brand=none', { authorization: `Bearer ${token}` });
      expect(res.status).toBe(200);
    }
    await expect.poll(openSnapshots, { timeout: 10_000 }).toBe(0);
  },
);

test('what is committed while an export runs is not in it: it is one snapshot', async () => {
  const res = await reader.get('/v1/products/export?format=ndjson');
  const body = res.body?.getReader();
  const first = await body?.read();
  await stores.owner.query("update catalog.products set name = 'changed' where price_minor > 11000");
  let text = Buffer.from(first?.value ?? []).toString();
  for (;;) {
    const next = await body?.read();
    if (next === undefined || next.done) break;
    text += Buffer.from(next.value).toString('latin1');
  }
  expect(text).not.toContain('changed');
  expect(text.trimEnd().split('\n')).toHaveLength(many);
});

/** Bytes of buffers in use, without those that only wait for the garbage collector. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().arrayBuffers;
}

/** Resolves when the export has asked Postgres for nothing new during a fifth of a second. */
async function untilExportPauses(): Promise<void> {
  let before = '';
  await expect
    .poll(
      async () => {
        const { rows } = await stores.owner.query<{ changed: string }>(
          "select state_change::text as changed from pg_stat_activity where datname = current_database() and usename = 'catalog_read' and xact_start is not null",
        );
        const isUnchanged = rows[0]?.changed === before;
        before = rows[0]?.changed ?? '';
        return isUnchanged;
      },
      { interval: 200, timeout: 10_000 },
    )
    .toBe(true);
}

test('memory does not grow with the export', async () => {
  const heldBefore = heldBytes();
  await using _slow = await unread();
  await untilExportPauses();
  // The rows have about 14 MB. A thread of its own frees what the garbage collector found.
  await expect.poll(() => heldBytes() - heldBefore, { timeout: 10_000 }).toBeLessThan(7_000_000);
});

test('an export of the largest products arrives whole', async () => {
  // More than clients may leave unread, in fewer rows than many small products have.
  const large = 700;
  for (let from = 0; from < large; from += 100) {
    await stores.owner.query(
      `insert into catalog.products (sku, name, brand, category, price_minor, currency, status, attributes)
       select 'LARGE-' || n, 'Large', 'Large', 'Large', n, 'EUR', 'active',
         (select jsonb_object_agg('key' || k, repeat('x', 1000)) from generate_series(1, 100) k)
       from generate_series($1::integer + 1, $1::integer + 100) n`,
      [from],
    );
  }
  const { text } = await exported('format=ndjson&brand=Large');
  expect(text.split('\n').filter((line) => line !== '')).toHaveLength(large);
});
