import { orderPageSchema, orderSchema, problemSchema, type Order } from '@catalog/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runningOrders, type CallOptions } from '../testing/running-orders.ts';

const orders = await runningOrders();
afterAll(() => orders[Symbol.asyncDispose]());

const post = (body: unknown, options: CallOptions = {}) =>
  orders.call('POST', '/v1/orders', { body, ...options });

/** Everything that a refused request must not change. */
async function state(): Promise<unknown> {
  const { rows } = await orders.owner.query(`
    select (select json_agg(o order by o.id) from catalog.orders o) as orders,
      (select json_agg(i order by i.order_id, i.line) from catalog.order_items i) as items,
      (select json_agg((s.product_id, s.on_hand) order by s.product_id) from catalog.stock s) as stock,
      (select count(*) from catalog.stock_adjustments) as adjustments,
      (select count(*) from catalog.idempotency_keys) as keys`);
  return rows[0];
}

async function refusal(call: () => Promise<Response>) {
  const before = await state();
  const res = await call();
  const { status, code, errors } = problemSchema.parse(await res.json());
  expect(await state()).toEqual(before);
  return [
    status,
    code,
    errors.map((error) => `${error.pointer ?? error.parameter ?? error.header} ${error.code}`),
  ];
}

test('an order stores name, price and weight of its moment and takes the stock', async () => {
  const [one, two] = [
    await orders.sell({ sku: 'KEEP-1', priceMinor: 300 }, 10),
    await orders.sell({ sku: 'KEEP-2', weightGrams: null }, 10),
  ];
  const res = await post({
    customerId: 'c-1',
    lines: [
      { sku: one, quantity: 2 },
      { sku: two, quantity: 3 },
    ],
  });
  expect(res.status).toBe(201);
  const order = orderSchema.parse(await res.json());
  expect(res.headers.get('location')).toBe(`/v1/orders/${order.id}`);
  expect(order).toMatchObject({
    customerId: 'c-1',
    status: 'placed',
    currency: 'EUR',
    totalMinor: 2 * 300 + 3 * 1999,
  });
  expect([order.totalWeightGrams, order.totalWeightIsComplete]).toEqual([500, false]);
  expect([await orders.onHand(one), await orders.onHand(two)]).toEqual([8, 7]);
  await orders.client.products.update(order.items[0]?.productId ?? '', {
    priceMinor: 1,
    name: 'Another',
    weightGrams: 1,
  });
  const read = await orders.call('GET', `/v1/orders/${order.id}`, { scope: 'orders:read' });
  expect(orderSchema.parse(await read.json())).toEqual(order);
});

test('the next order has a price that was just changed', async () => {
  const sku = await orders.sell({ sku: 'PRICE-1' }, 100);
  await orders.place([{ sku, quantity: 1 }]);
  const product = await orders.client.products.getBySku(sku);
  const changed = await orders.client.products.update(product?.id ?? '', { priceMinor: 5 });
  const until = performance.now() + 2_000;
  // The bound. The new price is usually visible at once.
  while ((await orders.place([{ sku, quantity: 1 }])).items[0]?.productVersion !== changed.version) {
    expect(performance.now()).toBeLessThan(until);
  }
});

test('two lines with the same SKU take the pieces of both', async () => {
  const sku = await orders.sell({ sku: 'TWICE-1' }, 5);
  await orders.place([
    { sku, quantity: 2 },
    { sku, quantity: 3 },
  ]);
  expect(await orders.onHand(sku)).toBe(0);
  expect(await refusal(() => post({ customerId: 'c', lines: [{ sku, quantity: 1 }] }))).toEqual([
    409,
    'stock_short',
    ['/lines/0/quantity stock_short'],
  ]);
});

describe('a refused request changes nothing', () => {
  beforeAll(async () => {
    await orders.sell({ sku: 'REF-1' }, 3);
    await orders.sell({ sku: 'REF-2' }, 3);
    await orders.sell({ sku: 'REF-DRAFT', status: 'draft' }, 3);
    await orders.sell({ sku: 'REF-USD', currency: 'USD' }, 3);
    for (const sku of ['REF-HEAVY-1', 'REF-HEAVY-2'])
      await orders.sell({ sku, weightGrams: 2_147_483_647, priceMinor: 0 }, 3);
    await orders.sell({ sku: 'REF-DEAR', priceMinor: Number.MAX_SAFE_INTEGER }, 3);
  });
  const line = { sku: 'REF-1', quantity: 1 };

  test.each([
    [
      'too many pieces in one line',
      { lines: [line, { sku: 'REF-2', quantity: 4 }] },
      [409, 'stock_short', ['/lines/1/quantity stock_short']],
    ],
    [
      'an unknown SKU',
      { lines: [line, { sku: 'NOBODY', quantity: 1 }] },
      [400, 'invalid_request', ['/lines/1/sku unknown']],
    ],
    [
      'a draft',
      { lines: [{ sku: 'REF-DRAFT', quantity: 1 }] },
      [400, 'invalid_request', ['/lines/0/sku not_for_sale']],
    ],
    [
      'two currencies',
      { lines: [line, { sku: 'REF-USD', quantity: 1 }] },
      [400, 'invalid_request', ['/lines/1/sku other_currency']],
    ],
    ...['.', '..'].map((sku): [string, object, unknown] => [
      `the SKU ${sku}, which cannot be part of a URL`,
      { lines: [line, { sku, quantity: 1 }] },
      [400, 'invalid_request', ['/lines/1/sku custom']],
    ]),
    ...[1, 2].map((quantity): [string, object, unknown] => [
      `a total that is too large for sales reports, from ${quantity} pieces`,
      { lines: [{ sku: 'REF-DEAR', quantity }] },
      [400, 'invalid_request', ['/lines too_big']],
    ]),
    [
      'a total weight that a number does not hold exactly',
      { lines: [1, 2, 1, 2, 1].map((heavy) => ({ sku: `REF-HEAVY-${heavy}`, quantity: 1_000_000 })) },
      [400, 'invalid_request', ['/lines too_big']],
    ],
    [
      'two lines that are too heavy only together',
      { lines: [1, 2].map((heavy) => ({ sku: `REF-HEAVY-${heavy}`, quantity: 250 })) },
      [400, 'invalid_request', ['/lines too_big']],
    ],
    ['no lines', { lines: [] }, [400, 'invalid_request', ['/lines too_small']]],
    [
      '101 lines',
      { lines: Array.from({ length: 101 }, () => line) },
      [400, 'invalid_request', ['/lines too_big']],
    ],
    [
      'a quantity of 0',
      { lines: [{ sku: 'REF-1', quantity: 0 }] },
      [400, 'invalid_request', ['/lines/0/quantity too_small']],
    ],
    [
      'half a piece',
      { lines: [{ sku: 'REF-1', quantity: 0.5 }] },
      [400, 'invalid_request', ['/lines/0/quantity invalid_type']],
    ],
    [
      'a price in a line',
      { lines: [{ ...line, priceMinor: 1 }] },
      [400, 'invalid_request', ['/lines/0/priceMinor unknown']],
    ],
    [
      'no customer',
      { customerId: undefined, lines: [line] },
      [400, 'invalid_request', ['/customerId required']],
    ],
    [
      'a customer with a line break',
      { customerId: 'a\nb', lines: [line] },
      [400, 'invalid_request', ['/customerId invalid_format']],
    ],
    ['a status', { status: 'completed', lines: [line] }, [400, 'invalid_request', ['/status unknown']]],
  ])('an order with %s is refused', async (_what, body, expected) => {
    expect(await refusal(() => post({ customerId: 'c-1', ...body }))).toEqual(expected);
  });

  test.each([
    ['GET', '/v1/orders/nonsense', 400, 'invalid_request'],
    ['GET', '/v1/orders/0190c0de-0000-7000-8000-000000000000', 404, 'not_found'],
    ['POST', '/v1/orders/0190c0de-0000-7000-8000-000000000000/complete', 404, 'not_found'],
    ['POST', '/v1/orders/0190c0de-0000-7000-8000-000000000000/cancel', 404, 'not_found'],
    ['GET', '/v1/orders?status=lost', 400, 'invalid_request'],
    ['GET', '/v1/orders?limit=101', 400, 'invalid_request'],
    ['GET', '/v1/orders?cursor=1', 400, 'invalid_request'],
    ['GET', '/v1/orders?customerId=a&customerId=b', 400, 'invalid_request'],
    ['DELETE', '/v1/orders/0190c0de-0000-7000-8000-000000000000', 405, 'method_not_allowed'],
  ])('%s %s is refused', async (method, path, status, code) => {
    expect((await refusal(() => orders.call(method, path))).slice(0, 2)).toEqual([status, code]);
  });

  test.each([
    ['no token', { headers: { Authorization: '' } }, 401],
    ['a read-only token', { scope: 'orders:read' }, 403],
    ['a token for the catalog', { scope: 'catalog:write' }, 403],
  ])('an order with %s is refused', async (_what, options, status) => {
    expect((await refusal(() => post({ customerId: 'c-1', lines: [line] }, options)))[0]).toBe(status);
  });
});

describe('with an Idempotency-Key', () => {
  const key = (value: string) => ({ headers: { 'Idempotency-Key': value } });

  test('a repeated order gets the same answer, byte by byte, and takes no stock', async () => {
    const sku = await orders.sell({ sku: 'ONCE-1' }, 10);
    const body = { customerId: 'c-1', lines: [{ sku, quantity: 4 }] };
    const first = await post(body, key('once'));
    const text = await first.text();
    const productId = (JSON.parse(text) as Order).items[0]?.productId ?? '';
    await orders.client.products.delete(productId);
    const again = await post({ lines: [{ quantity: 4, sku }], customerId: 'c-1' }, key('once'));
    expect([again.status, await again.text(), again.headers.get('idempotency-replayed')]).toEqual([
      201,
      text,
      'true',
    ]);
    expect(again.headers.get('location')).toBe(first.headers.get('location'));
    expect(await orders.onHandOf(productId)).toBe(6);
    expect(await refusal(() => post({ ...body, customerId: 'c-2' }, key('once')))).toEqual([
      422,
      'idempotency_key_reused',
      [],
    ]);
  });

  test('20 equal requests at once place one order', async () => {
    const sku = await orders.sell({ sku: 'ONCE-2' }, 100);
    const body = { customerId: 'once-2', lines: [{ sku, quantity: 1 }] };
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(body, key('twenty'))));
    const statuses = new Set(answers.map(({ status }) => status));
    expect([...statuses].every((status) => status === 201 || status === 409)).toBe(true);
    expect(statuses.has(201)).toBe(true);
    expect(await orders.onHand(sku)).toBe(99);
  });

  test('a refused order leaves its key free', async () => {
    const sku = await orders.sell({ sku: 'ONCE-3' }, 0);
    const body = { customerId: 'c-1', lines: [{ sku, quantity: 1 }] };
    expect((await post(body, key('later'))).status).toBe(409);
    await orders.owner.query(
      'update catalog.stock set on_hand = 1 where product_id = (select id from catalog.products where sku = $1)',
      [sku],
    );
    expect((await post(body, key('later'))).status).toBe(201);
  });
});

test('orders are listed in pages, newest first, by customer and by status', async () => {
  const sku = await orders.sell({ sku: 'LIST-1' }, 100);
  const placed: string[] = [];
  for (let order = 0; order < 5; order++) {
    const res = await post({ customerId: 'lister', lines: [{ sku, quantity: 1 }] });
    placed.unshift(orderSchema.parse(await res.json()).id);
  }
  await orders.call('POST', `/v1/orders/${placed[2]}/cancel`);
  const read = async (query: string) =>
    orderPageSchema.parse(await (await orders.call('GET', `/v1/orders?${query}`)).json());
  const first = await read('customerId=lister&limit=3');
  const second = await read(`customerId=lister&limit=3&cursor=${first.page.nextCursor}`);
  expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(placed);
  expect(second.page.nextCursor).toBeNull();
  expect((await read('customerId=lister&status=cancelled')).data.map(({ id }) => id)).toEqual([placed[2]]);
  expect((await read('customerId=nobody')).data).toEqual([]);
  expect((await read('status=placed&limit=1')).data).toHaveLength(1);
});

test('an order is completed once and cannot be cancelled afterwards', async () => {
  const sku = await orders.sell({ sku: 'END-1' }, 10);
  const { id } = await orders.place([{ sku, quantity: 4 }]);
  const completed = orderSchema.parse(await (await orders.call('POST', `/v1/orders/${id}/complete`)).json());
  expect(completed).toMatchObject({ id, status: 'completed', cancelledAt: null });
  const again = orderSchema.parse(await (await orders.call('POST', `/v1/orders/${id}/complete`)).json());
  expect(again).toEqual(completed);
  expect(await refusal(() => orders.call('POST', `/v1/orders/${id}/cancel`))).toEqual([409, 'conflict', []]);
  expect(await orders.onHand(sku)).toBe(6);
});

test('a cancelled order gives its stock back once, even if the stock row was deleted', async () => {
  const skus = [await orders.sell({ sku: 'BACK-2' }, 10), await orders.sell({ sku: 'BACK-1' }, 10)];
  const { id } = await orders.place(skus.map((sku) => ({ sku, quantity: 4 })));
  await orders.owner.query(
    "delete from catalog.stock where product_id = (select id from catalog.products where sku = 'BACK-1')",
  );
  await Promise.all(Array.from({ length: 5 }, () => orders.call('POST', `/v1/orders/${id}/cancel`)));
  expect([await orders.onHand('BACK-2'), await orders.onHand('BACK-1')]).toEqual([10, 4]);
  expect(await refusal(() => orders.call('POST', `/v1/orders/${id}/complete`))).toEqual([
    409,
    'conflict',
    [],
  ]);
});

test('an order whose stock would exceed the limit can be cancelled only after the stock is corrected', async () => {
  const sku = await orders.sell({ sku: 'BACK-FULL' }, 5);
  const { id } = await orders.place([{ sku, quantity: 3 }]);
  const cancel = () => orders.call('POST', `/v1/orders/${id}/cancel`);
  await orders.owner.query(
    'update catalog.stock set on_hand = 2147483645 where product_id = (select id from catalog.products where sku = $1)',
    [sku],
  );
  const before = await state();
  const refused = problemSchema.parse(await (await cancel()).json());
  expect([refused.status, refused.code]).toEqual([409, 'conflict']);
  expect(refused.detail).toBe(
    '2147483645 of BACK-FULL are on hand, and 3 more exceed the limit of 2147483647. Correct the stock first.',
  );
  expect(await state()).toEqual(before);
  await orders.owner.query(
    'update catalog.stock set on_hand = 2147483644 where product_id = (select id from catalog.products where sku = $1)',
    [sku],
  );
  expect((await cancel()).status).toBe(200);
  expect(await orders.onHand(sku)).toBe(2_147_483_647);
});

test('an order that is completed and cancelled at once ends in one state, and the stock fits that state', async () => {
  const sku = await orders.sell({ sku: 'RACE-1' }, 20);
  for (let round = 0; round < 20; round++) {
    const before = await orders.onHand(sku);
    const { id } = await orders.place([{ sku, quantity: 1 }]);
    const ends = await Promise.all(
      ['complete', 'cancel'].map((how) => orders.call('POST', `/v1/orders/${id}/${how}`)),
    );
    expect(new Set(ends.map(({ status }) => status))).toEqual(new Set([200, 409]));
    const { status } = orderSchema.parse(await (await orders.call('GET', `/v1/orders/${id}`)).json());
    expect(await orders.onHand(sku)).toBe(status === 'cancelled' ? before : before - 1);
  }
});

test('orders with the same SKUs in different line orders do not deadlock', async () => {
  const skus = await Promise.all(
    ['D', 'C', 'B', 'A'].map((name) => orders.sell({ sku: `LOCK-${name}` }, 200)),
  );
  const lines = skus.map((sku) => ({ sku, quantity: 1 }));
  const placed = await Promise.all(
    Array.from({ length: 100 }, (_, order) =>
      post(
        { customerId: 'c', lines: order % 2 === 0 ? lines : lines.toReversed() },
        { subject: `shop ${order % 10}` },
      ),
    ),
  );
  // On a busy machine some answers may be 503, or 429 after a long wait. A deadlock would be 409.
  const statuses = placed.map(({ status }) => status).filter((status) => status !== 503 && status !== 429);
  expect(new Set(statuses)).toEqual(new Set([201]));
  for (const sku of skus) expect(await orders.onHand(sku)).toBe(200 - statuses.length);
});

test('no order can be placed while the settings close the store for orders', async () => {
  const sku = await orders.sell({ sku: 'CLOSED-1' }, 10);
  await orders.client.settings.update('*', { ordersEnabled: false });
  try {
    const until = performance.now() + 2_000;
    let res = await post({ customerId: 'c', lines: [{ sku, quantity: 1 }] });
    while (res.status === 201 && performance.now() < until)
      res = await post({ customerId: 'c', lines: [{ sku, quantity: 1 }] });
    expect(problemSchema.parse(await res.json())).toMatchObject({ status: 409, code: 'orders_closed' });
  } finally {
    const { version } = await orders.client.settings.update('*', { ordersEnabled: true });
    expect(version).toBeGreaterThan(0);
  }
});

test('the OpenAPI document describes every route', async () => {
  const document = (await (await orders.call('GET', '/openapi.json')).json()) as {
    paths: Record<string, object>;
  };
  expect(Object.entries(document.paths).map(([path, methods]) => [path, Object.keys(methods)])).toEqual([
    ['/v1/orders', ['post', 'get']],
    ['/v1/orders/{id}', ['get']],
    ['/v1/orders/{id}/complete', ['post']],
    ['/v1/orders/{id}/cancel', ['post']],
    ['/v1/stock', ['get']],
    ['/v1/stock/{sku}', ['get']],
    ['/v1/stock/{sku}/adjustments', ['post']],
    ['/v1/reports/sales', ['get']],
  ]);
});
