import { eventually } from '@catalog/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Reader, startStores, type Stores } from '../testing/running-catalog-read.ts';

interface Page {
  data: { sku: string; name: string }[];
  page: { nextCursor: string | null };
}

let stores: Stores;
let reader: Reader;

beforeAll(async () => {
  stores = await startStores();
  reader = await stores.reader();
  for (let n = 0; n < 25; n++) {
    await stores.insert({
      sku: `L-${String(n).padStart(2, '0')}`,
      name: n % 2 === 0 ? `Even lamp ${n}` : `Odd switch ${n}`,
      brand: n < 10 ? 'Acme' : 'Globex',
      status: n === 24 ? 'draft' : 'active',
    });
  }
});
afterAll(() => stores?.[Symbol.asyncDispose]());
beforeEach(() => reader.ready());

const list = async (query: string): Promise<Page> =>
  (await (await reader.get(`/v1/products${query}`)).json()) as Page;

test('pages follow each other without a gap or a duplicate, and end with null', async () => {
  const seen: string[] = [];
  let cursor = '';
  do {
    const { data, page } = await list(`?limit=7${cursor}`);
    seen.push(...data.map(({ sku }) => sku));
    cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`;
  } while (cursor !== '');
  expect(seen).toEqual(Array.from({ length: 24 }, (_, n) => `L-${String(n).padStart(2, '0')}`));
});

test('only active products are listed unless another status is asked for', async () => {
  expect((await list('?status=draft')).data.map(({ sku }) => sku)).toEqual(['L-24']);
});

test('category, brand and words narrow a list down', async () => {
  expect((await list('?brand=Acme&q=switch')).data).toHaveLength(5);
  expect((await list('?category=Lighting&brand=Globex')).data).toHaveLength(14);
  expect((await list('?category=Furniture')).data).toEqual([]);
});

test('a cursor of another filter is refused', async () => {
  const { page } = await list('?limit=3');
  const res = await reader.get(`/v1/products?limit=3&brand=Acme&cursor=${page.nextCursor}`);
  expect(res.status).toBe(400);
  expect(await res.json()).toMatchObject({ errors: [{ parameter: 'cursor', code: 'other_filter' }] });
});

test('a page is cached under its generation, and a change of any product begins another', async () => {
  const status = async () => (await reader.get('/v1/products?limit=9')).headers.get('cache-status');
  const isNear = async () => (await status()) === 'catalog-read; hit; detail=near';
  await eventually(isNear);
  await stores.owner.query(`update catalog.products set name = 'Renamed' where sku = 'L-03'`);
  await eventually(async () => (await list('?limit=9')).data.some(({ name }) => name === 'Renamed'));
  expect(await eventually(isNear)).toBe(true);
});

test('after a change a client that accepts compressed pages gets the new one too', async () => {
  // fetch says that it accepts gzip, and decodes it.
  const read = () => reader.get('/v1/products?limit=11');
  await eventually(async () => (await read()).headers.get('content-encoding') === 'gzip');
  await stores.owner.query(`update catalog.products set name = 'Changed' where sku = 'L-05'`);
  await eventually(async () => (await (await read()).text()).includes('"Changed"'));
  expect((await read()).headers.get('vary')).toBe('Accept-Encoding');
});

test('a page read before a change and stored after it is not served', async () => {
  await stores.applier.hold();
  const { data } = await list('?limit=4');
  expect(data[0]?.name).toBe('Even lamp 0');
  await stores.owner.query(`update catalog.products set name = 'New' where sku = 'L-00'`);
  stores.applier.follow();
  await eventually(async () => (await list('?limit=4')).data[0]?.name === 'New');
});

test('the popular products are as old as the oldest of them', async () => {
  const { id } = await stores.insert({ sku: 'AGED-1' });
  reader.views.count(id, 'a caller');
  await reader.views.flush();
  await stores.rankViews();
  // Both ages come from this process, in whole seconds of one clock. They are read one after the other.
  const ages = async () => {
    const one = await reader.get(`/v1/products/${id}`);
    const popular = await reader.get('/v1/products/popular?limit=100');
    expect(await popular.text()).toContain(id);
    return [one, popular].map(({ headers }) => Number(headers.get('age')));
  };
  const [oneAge = 0, popularAge = 0] = await eventually(async () => {
    const seen = await ages();
    return (seen[0] ?? 0) >= 1 && seen;
  });
  expect(popularAge).toBeGreaterThanOrEqual(oneAge);
});
