/** An order just after a change of its product. */
import { orderSchema, problemSchema, type Order } from '@catalog/contracts';
import { afterAll, expect, test } from 'vitest';
import { runningOrders } from '../testing/running-orders.ts';

const orders = await runningOrders();
afterAll(() => orders[Symbol.asyncDispose]());

const order = (skus: readonly string[], minVersion?: number | string) =>
  orders.call('POST', '/v1/orders', {
    body: { customerId: 'c-1', lines: skus.map((sku) => ({ sku, quantity: 1 })) },
    ...(minVersion !== undefined && { headers: { 'Min-Version': String(minVersion) } }),
  });
const placed = async (response: Response): Promise<Order> => orderSchema.parse(await response.json());

test('with Min-Version, an order just after a price change takes the new price, also with an unchanged product in it', async () => {
  const changing = await orders.sell({ sku: 'PRICED-1' }, 1_000);
  const unchanged = await orders.sell({ sku: 'PRICED-2' }, 1_000);
  const product = await orders.client.products.getBySku(changing);
  const [taken, expected]: number[][] = [[], []];
  for (let price = 1; price <= 40; price += 1) {
    // Fills every cache with the price that is about to change.
    await placed(await order([changing, unchanged]));
    const { version } = await orders.client.products.update(product?.id ?? '', { priceMinor: price });
    const { items } = await placed(await order([changing, unchanged], version));
    taken?.push(items[0]?.priceMinor ?? 0);
    expected?.push(price);
    expect([items[0]?.productVersion, items[1]?.priceMinor]).toEqual([version, 1999]);
  }
  expect(taken).toEqual(expected);
}, 60_000);

test('with Min-Version, a product that was just archived is not sold', async () => {
  for (let round = 0; round < 10; round += 1) {
    const sku = await orders.sell({ sku: `ARCHIVED-${round}` }, 10);
    await placed(await order([sku]));
    const product = await orders.client.products.getBySku(sku);
    const { version } = await orders.client.products.update(product?.id ?? '', { status: 'archived' });
    const { errors } = problemSchema.parse(await (await order([sku], version)).json());
    expect(errors).toMatchObject([{ pointer: '/lines/0/sku', code: 'not_for_sale' }]);
  }
}, 60_000);

test('with Min-Version, a SKU that moved just now is that of its new product', async () => {
  const [one, two] = [await orders.sell({ sku: 'MOVED-1' }, 10), await orders.sell({ sku: 'MOVED-2' }, 10)];
  await placed(await order([one, two]));
  const [first, second] = [
    await orders.client.products.getBySku(one),
    await orders.client.products.getBySku(two),
  ];
  await orders.client.products.update(first?.id ?? '', { sku: 'MOVED-3' });
  const { version } = await orders.client.products.update(second?.id ?? '', { sku: 'MOVED-1' });
  const { items } = await placed(await order(['MOVED-1', 'MOVED-3'], version));
  expect(items.map(({ productId }) => productId)).toEqual([second?.id, first?.id]);
});

test('a version that the catalog does not have is refused with 412, and a text that is no version with 400', async () => {
  const sku = await orders.sell({ sku: 'FUTURE-1' }, 10);
  const future = problemSchema.parse(await (await order([sku], 9_007_199_254_740_991)).json());
  expect([future.status, future.code, future.errors[0]?.header]).toEqual([
    412,
    'version_not_reached',
    'Min-Version',
  ]);
  const wrong = problemSchema.parse(await (await order([sku], 'soon')).json());
  expect([wrong.status, wrong.errors[0]?.header]).toEqual([400, 'Min-Version']);
  expect(await orders.onHand(sku)).toBe(10);
});
