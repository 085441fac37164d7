/** `Request-Timeout-Ms`, and other callers, while another transaction holds the locks. */
import { problemSchema } from '@catalog/contracts';
import { eventually } from '@catalog/testing';
import { afterAll, expect, test } from 'vitest';
import { runningOrders } from './testing/running-orders.ts';

const orders = await runningOrders();
afterAll(() => orders[Symbol.asyncDispose]());

test('a request that waits longer than its customer is answered with 503 and changes nothing', async () => {
  const sku = await orders.sell({ sku: 'HELD-1' }, 10);
  const lines = [{ sku, quantity: 1 }];
  const { id } = await orders.place(lines);
  const holder = await orders.owner.connect();
  const state = async () => {
    const { rows } = await holder.query(`
      select (select json_agg(o order by o.id) from catalog.orders o) as orders,
        (select json_agg(s order by s.product_id) from catalog.stock s) as stock,
        (select count(*) from catalog.stock_adjustments) as adjustments,
        (select count(*) from catalog.idempotency_keys) as keys`);
    return rows[0] as unknown;
  };
  try {
    await holder.query('begin');
    const before = await state();
    await holder.query(
      'select from catalog.stock where product_id = (select id from catalog.products where sku = $1) for update',
      [sku],
    );
    await holder.query('select from catalog.orders where id = $1 for update', [id]);
    const hurried = { 'Request-Timeout-Ms': '150' };
    const keyed = { ...hurried, 'Idempotency-Key': 'hurried' };
    const body = { customerId: 'c-1', lines };
    const received = { delta: 1, reason: 'received' };
    const asked: [path: string, headers: Record<string, string>, body: object][] = [
      ['/v1/orders', hurried, body],
      ['/v1/orders', keyed, body],
      [`/v1/orders/${id}/complete`, hurried, {}],
      [`/v1/orders/${id}/cancel`, hurried, {}],
      [`/v1/stock/${sku}/adjustments`, hurried, received],
      [`/v1/stock/${sku}/adjustments`, keyed, received],
    ];
    for (const [path, headers, sent] of asked) {
      const response = await orders.call('POST', path, { headers, body: sent });
      const problem = problemSchema.parse(await response.json());
      expect([path, problem]).toMatchObject([path, { status: 503, code: 'unavailable' }]);
      expect(problem.detail, path).toContain('Request-Timeout-Ms');
    }
    expect(await state()).toEqual(before);
  } finally {
    holder.release(true);
  }
  expect((await orders.call('POST', `/v1/orders/${id}/complete`)).status).toBe(200);
}, 30_000);

test('one caller gets at most half of the connections, and another caller adjusts stock meanwhile', async () => {
  const [held, free] = [await orders.sell({ sku: 'HELD-2' }, 10), await orders.sell({ sku: 'FREE-2' }, 10)];
  const adjust = (sku: string, subject: string, headers = {}) =>
    orders.call('POST', `/v1/stock/${sku}/adjustments`, {
      body: { delta: 1, reason: 'received' },
      subject,
      headers,
    });
  const waitingForLocks = (count: number) =>
    eventually(async () => {
      const waiting = await orders.owner.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return waiting.rowCount === count;
    });
  const holder = await orders.owner.connect();
  const greedy = [];
  try {
    await holder.query('begin');
    await holder.query(
      'select from catalog.stock where product_id = (select id from catalog.products where sku = $1) for update',
      [held],
    );
    greedy.push(...Array.from({ length: 15 }, () => adjust(held, 'greedy')));
    await waitingForLocks(5);
    expect((await adjust(free, 'other', { 'Request-Timeout-Ms': '1000' })).status).toBe(200);
    await waitingForLocks(5);
  } finally {
    holder.release(true);
  }
  for (const { status } of await Promise.all(greedy)) expect(status).toBe(200);
}, 30_000);
