import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Reader, startStores, type Stores } from '../testing/running-catalog-read.ts';

interface Page {
  data: Record<string, unknown>[];
  page: { nextCursor: string | null; estimatedTotal: number; match?: string };
}

let stores: Stores;
let reader: Reader;

const products = [
  { sku: 'HS-110', name: 'Caf\u00e9 lamp', brand: 'TP-Link', category: 'Lighting', priceMinor: 500 },
  { sku: 'HS200', name: 'M\u00d6BEL fitting', brand: 'Acme', category: 'Locks', priceMinor: 300 },
  { sku: 'W-1', name: '\u6728\u88fd\u6905\u5b50', brand: 'Acme', category: 'Chairs', priceMinor: 900 },
  { sku: 'W-2', name: 'Bluetooth speaker', brand: 'Nuts, bolts', category: 'Audio', priceMinor: 700 },
  {
    sku: 'W-3',
    name: 'caf\u00e9 mug',
    brand: 'Acme',
    category: 'Lighting',
    priceMinor: 300,
    weightGrams: 250,
  },
  { sku: 'W-4', name: 'Light switch', brand: 'Acme', category: 'Lighting', status: 'draft' },
];

beforeAll(async () => {
  stores = await startStores();
  reader = await stores.reader();
  for (const product of products) await stores.insert({ status: 'active', ...product });
});
afterAll(() => stores?.[Symbol.asyncDispose]());
beforeEach(() => reader.ready());

const ask = (query: Record<string, string>, path = '/v1/products') =>
  reader.get(`${path}?${new URLSearchParams(query).toString()}`);
const list = async (query: Record<string, string>): Promise<Page> => {
  const res = await ask(query);
  expect(res.status).toBe(200);
  return (await res.json()) as Page;
};
const skus = async (query: Record<string, string>) => (await list(query)).data.map(({ sku }) => sku);

test.each([
  ['caf\u00e9', ['HS-110', 'W-3']],
  ['cafe\u0301', ['HS-110', 'W-3']],
  ['CAFE', ['HS-110', 'W-3']],
  ['m\u00f6bel', ['HS200']],
  ['mobel', ['HS200']],
  ['\u6905\u5b50', ['W-1']],
  ['\u5b50', ['W-1']],
  ['\u88fd\u6905', ['W-1']],
  ['HS110', ['HS-110']],
  ['hs\u2013110', ['HS-110']],
  ['HS-200', ['HS200']],
  ['tplink', ['HS-110']],
  ['lamp caf', ['HS-110']],
  ['\u5b50\u6905', []],
  ['!?', []],
])('the search %s finds %o', async (q, found) => {
  expect(await skus({ q })).toEqual(found);
});

test('a word with a typing error finds what is like it, only if nothing else is found, and the page says so', async () => {
  const { data, page } = await list({ q: 'blutooth speeker' });
  expect(data.map(({ sku }) => sku)).toEqual(['W-2']);
  expect(page).toMatchObject({ match: 'similar', estimatedTotal: 1 });
  expect((await list({ q: 'bluetooth' })).page).not.toHaveProperty('match');
});

test('if a word has a typing error, part numbers and short words must still match exactly', async () => {
  expect(await skus({ q: 'lihgt w-4', status: 'draft' })).toEqual(['W-4']);
  expect(await skus({ q: 'lihgt w-5', status: 'draft' })).toEqual([]);
});

test('a search without a word that could have a typing error is not compared with the known words', async () => {
  const similar = async (q: string) => {
    const { rows } = await stores.owner.query<{ query: string | null }>(
      'select catalog.similar_query($1)::text as query',
      [q],
    );
    return rows[0]?.query;
  };
  expect(await similar('4f2c8a1e-77ab-4c1d-9e2f-1234567890ab')).toBeNull();
  expect(await similar('hs 110 tp')).toBeNull();
  expect(await similar('blutooth '.repeat(8))).not.toBeNull();
  expect(await similar('blutooth '.repeat(9))).toBeNull();
});

test.each([
  ['name', ['W-2', 'HS-110', 'W-3', 'HS200', 'W-1']],
  ['-price', ['W-1', 'W-2', 'HS-110', 'W-3', 'HS200']],
  ['price,-name', ['HS200', 'W-3', 'HS-110', 'W-2', 'W-1']],
  ['-createdAt', ['W-3', 'W-2', 'W-1', 'HS200', 'HS-110']],
])('sorted by %s, also page by page', async (sort, sorted) => {
  expect(await skus({ sort })).toEqual(sorted);
  const seen: unknown[] = [];
  let cursor: string | undefined;
  do {
    const { data, page } = await list({ sort, limit: '2', ...(cursor && { cursor }) });
    seen.push(...data.map(({ sku }) => sku));
    expect(page.estimatedTotal).toBe(5);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  expect(seen).toEqual(sorted);
});

test('several values, ranges and a time narrow a list down', async () => {
  expect(await skus({ category: 'Audio,Chairs' })).toEqual(['W-1', 'W-2']);
  expect(await skus({ brand: '"Nuts, bolts",TP-Link' })).toEqual(['HS-110', 'W-2']);
  expect(await skus({ status: 'draft,active', category: 'Lighting' })).toEqual(['HS-110', 'W-3', 'W-4']);
  expect(await skus({ minPrice: '500', maxPrice: '700' })).toEqual(['HS-110', 'W-2']);
  expect(await skus({ minWeight: '200', maxWeight: '250' })).toEqual(['W-3']);
  expect(await skus({ updatedSince: '2999-01-01T00:00:00Z' })).toEqual([]);
  expect(await skus({ updatedSince: '2001-01-01T02:00:00+02:00' })).toHaveLength(5);
});

test('fields leaves out all others', async () => {
  const { data } = await list({ fields: 'priceMinor, sku', limit: '1' });
  expect(JSON.stringify(data)).toBe('[{"sku":"HS-110","priceMinor":500}]');
});

test.each([
  [{ sort: 'colour' }, 'sort', 'must be one or more of: name, price, updatedAt, createdAt'],
  [{ sort: 'price,-price' }, 'sort', 'must not name a field twice'],
  [{ fields: 'id,colour' }, 'fields', 'must be of: id, sku, name'],
  [{ status: 'Active' }, 'status', 'must be of: draft, active, archived'],
  [{ category: 'a,,b' }, 'category', 'must be values separated by commas'],
  [{ category: '"a' }, 'category', 'quote a value that holds a comma'],
  [{ minPrice: '5', maxPrice: '4' }, 'minPrice', 'must not be above maxPrice'],
  [{ minWeight: '-1' }, 'minWeight', 'must be a whole number'],
  [{ updatedSince: 'yesterday' }, 'updatedSince', 'must be a time such as'],
  [{ updatedSince: '0000-01-01T00:00:00Z' }, 'updatedSince', 'must be in the years 1 to 9999'],
  [{ updatedSince: '9999-12-31T23:59:59-14:00' }, 'updatedSince', 'must be in the years 1 to 9999'],
  [{ limit: '1000' }, 'limit', 'must be at most 100'],
  [{ limit: '0' }, 'limit', 'must be at least 1'],
])('%o is refused, and the error names the parameter and the rule', async (query, parameter, message) => {
  const res = await ask(query);
  expect(res.status).toBe(400);
  const { errors } = (await res.json()) as { errors: object[] };
  expect(errors).toEqual([
    expect.objectContaining({ parameter, message: expect.stringContaining(message) as string }),
  ]);
});

test('a cursor of another sort, a cut one, and one that somebody made up are refused', async () => {
  const { page } = await list({ sort: 'price', limit: '1' });
  const cursor = page.nextCursor ?? '';
  for (const query of [
    { sort: '-price', cursor },
    { sort: 'price', cursor: cursor.slice(0, -4) },
    { sort: 'price', cursor: 'AAAA' },
    { sort: 'price', cursor: Buffer.from('12345678[["1","x"],1,false]').toString('base64url') },
  ])
    expect((await ask(query)).status).toBe(400);
});

test('facets count brands, categories and states; each ignores its own filter', async () => {
  const facets = async (query: Record<string, string>) => {
    const res = await ask(query, '/v1/products/facets');
    expect(res.status).toBe(200);
    return (await res.json()) as { data: Record<string, unknown>; isEstimated: boolean };
  };
  expect(await facets({ brand: 'Acme' })).toEqual({
    data: {
      brand: [
        { value: 'Acme', count: 3 },
        { value: 'Nuts, bolts', count: 1 },
        { value: 'TP-Link', count: 1 },
      ],
      category: [
        { value: 'Chairs', count: 1 },
        { value: 'Lighting', count: 1 },
        { value: 'Locks', count: 1 },
      ],
      status: [
        { value: 'active', count: 3 },
        { value: 'draft', count: 1 },
      ],
    },
    isEstimated: false,
  });
  // The same numbers, counted one by one.
  const wide = { brand: 'Acme', minPrice: '0' };
  expect((await facets(wide)).data).toEqual((await facets({ brand: 'Acme' })).data);
  expect((await facets({ q: 'cafe' })).data['category']).toEqual([{ value: 'Lighting', count: 2 }]);
});

test('spellings of one search share one page of the cache', async () => {
  const status = async (query: string) =>
    (await reader.get(`/v1/products?${query}`)).headers.get('cache-status');
  // A change of a product begins new pages. So each attempt asks for another page, in every spelling once.
  let page = 7;
  const statuses = async () => {
    page += 1;
    const spellings = [
      `q=Caf%C3%A9+lamp&category=Lighting,Audio&minPrice=5&limit=${page}`,
      `limit=0${page}&q=LAMP+cafe%CC%81+lamp&minPrice=005&category=Audio,%20%20Lighting`,
      `category=Audio,Lighting,Audio&q=cafe%CC%81!+Lamp%3F&limit=${page}&minPrice=5&status=active`,
    ];
    await status(spellings[0] ?? '');
    const found = [];
    for (const spelling of spellings) found.push(await status(spelling));
    return found;
  };
  const hit = expect.stringContaining('hit') as string;
  await expect.poll(statuses).toEqual([hit, hit, hit]);
});
