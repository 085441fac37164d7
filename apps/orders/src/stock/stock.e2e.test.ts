import { randomUUID } from 'node:crypto';
import { problemSchema, stockListSchema, stockSchema } from '@catalog/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runningOrders, type CallOptions } from '../testing/running-orders.ts';

const orders = await runningOrders();
afterAll(() => orders[Symbol.asyncDispose]());

const adjust = (sku: string, body: unknown, options: CallOptions = {}) =>
  orders.call('POST', `/v1/stock/${encodeURIComponent(sku)}/adjustments`, { body, ...options });
const read = (sku: string) =>
  orders.call('GET', `/v1/stock/${encodeURIComponent(sku)}`, { scope: 'orders:read' });

/** Products without stock. */
const stockless = (...skus: string[]) =>
  Promise.all(
    skus.map((sku) =>
      orders.client.products.create({
        sku,
        name: 'Lamp',
        brand: 'Acme',
        category: 'Lighting',
        priceMinor: 1,
        currency: 'EUR',
      }),
    ),
  );

test('stock is received, corrected and read, and each adjustment stores who made it and why', async () => {
  const sku = 'A SKU/with % and ?';
  expect(problemSchema.parse(await (await adjust(sku, { delta: 1, reason: 'x' })).json()).code).toBe(
    'not_found',
  );
  await stockless(sku);
  expect(problemSchema.parse(await (await read(sku)).json()).code).toBe('not_found');
  const received = stockSchema.parse(await (await adjust(sku, { delta: 10, reason: 'delivery 7' })).json());
  expect(received).toMatchObject({ sku, onHand: 10 });
  expect(received.productId).toBe((await orders.client.products.getBySku(sku))?.id);
  expect(stockSchema.parse(await (await adjust(sku, { delta: -3, reason: 'broken' })).json()).onHand).toBe(7);
  expect(stockSchema.parse(await (await read(sku)).json()).onHand).toBe(7);
  const { rows } = await orders.owner.query(
    'select delta, reason, adjusted_by from catalog.stock_adjustments where sku = $1 order by id',
    [sku],
  );
  expect(rows).toEqual([
    { delta: 10, reason: 'delivery 7', adjusted_by: 'shop' },
    { delta: -3, reason: 'broken', adjusted_by: 'shop' },
  ]);
});

beforeAll(async () => {
  await orders.sell({ sku: 'FULL' }, 2_000_000_000);
  await orders.sell({ sku: 'FIVE' }, 5);
});

test.each([
  ['more pieces than are on hand', { delta: -6, reason: 'x' }, [409, 'stock_short', ['/delta']]],
  ['a stock above the limit', { delta: 1_000_000_000, reason: 'x' }, [400, 'invalid_request', ['/delta']]],
  ['a delta of zero', { delta: 0, reason: 'x' }, [400, 'invalid_request', ['/delta']]],
  ['half a piece', { delta: 0.5, reason: 'x' }, [400, 'invalid_request', ['/delta']]],
  ['a number as text', { delta: '5', reason: 'x' }, [400, 'invalid_request', ['/delta']]],
  ['no reason', { delta: 5 }, [400, 'invalid_request', ['/reason']]],
  ['a blank reason', { delta: 5, reason: ' ' }, [400, 'invalid_request', ['/reason']]],
  [
    'a reason with a line break, which could forge a log line,',
    { delta: 5, reason: 'a\nb' },
    [400, 'invalid_request', ['/reason']],
  ],
  [
    'a reason that is not valid Unicode',
    { delta: 5, reason: '\ud800' },
    [400, 'invalid_request', ['/reason']],
  ],
  ['an unknown field', { delta: 5, reason: 'x', onHand: 100 }, [400, 'invalid_request', ['/onHand']]],
])('an adjustment with %s is refused and changes nothing', async (_what, body, expected) => {
  const sku = (body as { delta?: number }).delta === 1_000_000_000 ? 'FULL' : 'FIVE';
  const { status, code, errors } = problemSchema.parse(await (await adjust(sku, body)).json());
  expect([status, code, errors.map(({ pointer }) => pointer)]).toEqual(expected);
  expect([await orders.onHand('FIVE'), await orders.onHand('FULL')]).toEqual([5, 2_000_000_000]);
  const { rows } = await orders.owner.query(
    "select from catalog.stock_adjustments where sku in ('FIVE', 'FULL')",
  );
  expect(rows).toEqual([]);
});

test('the stock of many products is read at once, without those that never had any', async () => {
  const ids: string[] = [];
  for (const [sku, pieces] of [['LISTED-1', 3] as const, ['LISTED-2', 4] as const]) {
    await orders.sell({ sku }, pieces);
    ids.push((await orders.client.products.getBySku(sku))?.id ?? '');
  }
  await stockless('LISTED-3');
  const none = (await orders.client.products.getBySku('LISTED-3'))?.id ?? '';
  const readMany = (list: string) =>
    orders.call('GET', `/v1/stock?productIds=${list}`, { scope: 'orders:read' });
  const { data } = stockListSchema.parse(await (await readMany([...ids, none, ids[0]].join(','))).json());
  expect(new Map(data.map(({ productId, onHand }) => [productId, onHand]))).toEqual(
    new Map([
      [ids[0], 3],
      [ids[1], 4],
    ]),
  );
  for (const wrong of ['', 'x', `${none},x`, Array.from({ length: 101 }, () => randomUUID()).join(',')]) {
    const { status, errors } = problemSchema.parse(await (await readMany(wrong)).json());
    expect([status, errors.map(({ parameter }) => parameter)]).toEqual([400, ['productIds']]);
  }
});

test('a refused first adjustment leaves no row behind', async () => {
  await stockless('NEW-1');
  expect((await adjust('NEW-1', { delta: -1, reason: 'x' })).status).toBe(409);
  expect((await read('NEW-1')).status).toBe(404);
});

test('100 adjustments at once all count', async () => {
  await stockless('MANY-1');
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => adjust('MANY-1', { delta: 3, reason: 'x' })),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(await orders.onHand('MANY-1')).toBe(300);
});

test('an adjustment with an Idempotency-Key counts once, and the key is tied to its SKU', async () => {
  await stockless('ONCE-1', 'ONCE-2');
  const key = { headers: { 'Idempotency-Key': 'one' } };
  const first = await adjust('ONCE-1', { delta: 5, reason: 'x' }, key);
  const again = await adjust('ONCE-1', { delta: 5, reason: 'x' }, key);
  expect([again.status, await again.json()]).toEqual([first.status, await first.json()]);
  expect(await orders.onHand('ONCE-1')).toBe(5);
  expect((await adjust('ONCE-2', { delta: 5, reason: 'x' }, key)).status).toBe(422);
});

const stockOf = async (sku: string, headers: Record<string, string> = {}) =>
  stockSchema.parse(
    await (await orders.call('GET', `/v1/stock/${sku}`, { scope: 'orders:read', headers })).json(),
  );
const after = ({ version }: { readonly version: number }) => ({ 'Min-Version': String(version) });

test('stock belongs to the product: it goes with it to another SKU, and orders take it there', async () => {
  const sku = await orders.sell({ sku: 'RENAMED-1' }, 10);
  const placed = await orders.place([{ sku, quantity: 3 }]);
  const id = placed.items[0]?.productId ?? '';
  const renamed = await orders.client.products.update(id, { sku: 'RENAMED-2' });
  expect(await stockOf('RENAMED-2', after(renamed))).toMatchObject({
    sku: 'RENAMED-2',
    productId: id,
    onHand: 7,
  });
  const old = await orders.call('GET', '/v1/stock/RENAMED-1', { headers: after(renamed) });
  expect(old.status).toBe(404);
  const body = { customerId: 'c', lines: [{ sku: 'RENAMED-2', quantity: 2 }] };
  expect((await orders.call('POST', '/v1/orders', { body, headers: after(renamed) })).status).toBe(201);
  expect((await stockOf('RENAMED-2')).onHand).toBe(5);
  // An order that was placed under the old SKU gives its pieces back to the product.
  expect((await orders.call('POST', `/v1/orders/${placed.id}/cancel`)).status).toBe(200);
  expect((await stockOf('RENAMED-2')).onHand).toBe(8);
});

test('two products that swap their SKUs keep their stock', async () => {
  const [one, two] = [await orders.sell({ sku: 'SWAP-1' }, 1), await orders.sell({ sku: 'SWAP-2' }, 2)];
  expect([(await stockOf(one)).onHand, (await stockOf(two)).onHand]).toEqual([1, 2]);
  const { rows } = await orders.owner.query<{ version: number }>(`
    update catalog.products set sku = case sku when 'SWAP-1' then 'SWAP-2' else 'SWAP-1' end
    where sku in ('SWAP-1', 'SWAP-2') returning version`);
  const swapped = after({ version: Math.max(...rows.map(({ version }) => version)) });
  expect([(await stockOf(one, swapped)).onHand, (await stockOf(two, swapped)).onHand]).toEqual([2, 1]);
});
