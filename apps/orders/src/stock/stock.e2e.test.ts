import { problemSchema, stockSchema } from '@catalog/contracts';
import { afterAll, expect, test } from 'vitest';
import { runningOrders, type CallOptions } from '../testing/running-orders.ts';

const orders = await runningOrders();
afterAll(() => orders[Symbol.asyncDispose]());

const adjust = (sku: string, body: unknown, options: CallOptions = {}) =>
  orders.call('POST', `/v1/stock/${encodeURIComponent(sku)}/adjustments`, { body, ...options });
const read = (sku: string) =>
  orders.call('GET', `/v1/stock/${encodeURIComponent(sku)}`, { scope: 'orders:read' });

test('stock is received, corrected and read, and each adjustment stores who made it and why', async () => {
  const sku = 'A SKU/with % and ?';
  expect(problemSchema.parse(await (await read(sku)).json()).code).toBe('not_found');
  const received = stockSchema.parse(await (await adjust(sku, { delta: 10, reason: 'delivery 7' })).json());
  expect(received).toMatchObject({ sku, onHand: 10 });
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
  await orders.owner.query(
    "insert into catalog.stock (sku, on_hand) values ('FULL', 2000000000), ('FIVE', 5) on conflict (sku) do nothing",
  );
  const sku = (body as { delta?: number }).delta === 1_000_000_000 ? 'FULL' : 'FIVE';
  const { status, code, errors } = problemSchema.parse(await (await adjust(sku, body)).json());
  expect([status, code, errors.map(({ pointer }) => pointer)]).toEqual(expected);
  expect([await orders.onHand('FIVE'), await orders.onHand('FULL')]).toEqual([5, 2_000_000_000]);
  const { rows } = await orders.owner.query(
    "select from catalog.stock_adjustments where sku in ('FIVE', 'FULL')",
  );
  expect(rows).toEqual([]);
});

test('a refused first adjustment leaves no row behind', async () => {
  expect((await adjust('NEW-1', { delta: -1, reason: 'x' })).status).toBe(409);
  expect((await read('NEW-1')).status).toBe(404);
});

test('100 adjustments at once all count', async () => {
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => adjust('MANY-1', { delta: 3, reason: 'x' })),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(await orders.onHand('MANY-1')).toBe(300);
});

test('an adjustment with an Idempotency-Key counts once, and the key is tied to its SKU', async () => {
  const key = { headers: { 'Idempotency-Key': 'one' } };
  const first = await adjust('ONCE-1', { delta: 5, reason: 'x' }, key);
  const again = await adjust('ONCE-1', { delta: 5, reason: 'x' }, key);
  expect([again.status, await again.json()]).toEqual([first.status, await first.json()]);
  expect(await orders.onHand('ONCE-1')).toBe(5);
  expect((await adjust('ONCE-2', { delta: 5, reason: 'x' }, key)).status).toBe(422);
});
