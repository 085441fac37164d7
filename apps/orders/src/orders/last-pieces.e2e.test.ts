import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { orderSchema, problemSchema } from '@catalog/contracts';
import { afterAll, expect, test } from 'vitest';
import { runningOrders } from '../testing/running-orders.ts';

/** Rounds with 64 callers at once. The claim of the README uses `ROUNDS=1000`. */
const rounds = Number(process.env['ROUNDS'] ?? 20);
/** Fewer, because each round starts the service again: a hundred for `ROUNDS=1000`. */
const killRounds = Number(process.env['KILL_ROUNDS'] ?? Math.max(4, Math.ceil(rounds / 10)));
const callers = 64;
const pieces = 10;

const orders = await runningOrders();
afterAll(() => orders[Symbol.asyncDispose]());

/** Each is a separate caller, because one caller gets only half of the connections. */
const order = (sku: string, key: string) =>
  orders.call('POST', '/v1/orders', {
    body: { customerId: key, lines: [{ sku, quantity: 1 }] },
    headers: { 'Idempotency-Key': key },
    subject: key,
  });

/** The customers who bought the SKU and the pieces left, read from Postgres. */
async function sold(sku: string): Promise<{ customers: string[]; left: number }> {
  const { rows } = await orders.owner.query<{ customer_id: string }>(
    'select o.customer_id from catalog.orders o join catalog.order_items i on i.order_id = o.id where i.sku = $1 order by 1',
    [sku],
  );
  return { customers: rows.map(({ customer_id }) => customer_id), left: await orders.onHand(sku) };
}

/**
 * Repeats the order until the answer is final, as real callers do: 201, or 409 `stock_short`. Calls `notNow` for each
 * answer that says "try again" and for each attempt without an answer.
 */
async function orderUntilAnswered(
  sku: string,
  key: string,
  notNow: (what: string) => void,
): Promise<{ orderId: string | undefined; repeated: boolean }> {
  for (;;) {
    try {
      const answer = await order(sku, key);
      const text = await answer.text();
      if (answer.status === 201) {
        const { id } = orderSchema.parse(JSON.parse(text));
        return { orderId: id, repeated: answer.headers.get('idempotency-replayed') === 'true' };
      }
      const { code, detail } = problemSchema.parse(JSON.parse(text));
      if (code === 'stock_short') return { orderId: undefined, repeated: false };
      // `conflict`: Postgres has not yet ended the transaction of the killed process that holds the key.
      if (code !== 'unavailable' && code !== 'conflict') throw new Error(`${code}: ${detail}`);
      notNow(`${code}: ${detail}`);
    } catch (error) {
      // The process was killed, and the next one is starting.
      if (!(error instanceof TypeError)) throw error;
      notNow('cut off');
    }
    await pause(20);
  }
}

test(
  `${callers} callers at once buy exactly the last ${pieces} pieces, in ${rounds} rounds`,
  async ({ annotate }) => {
    const sku = await orders.sell({ sku: 'LAST' }, 0);
    const notNow = new Map<string, number>();
    const count = (what: string) => notNow.set(what, (notNow.get(what) ?? 0) + 1);
    for (let round = 0; round < rounds; round++) {
      const before = (await sold(sku)).customers.length;
      await orders.owner.query(
        'update catalog.stock set on_hand = $1 where product_id = (select id from catalog.products where sku = $2)',
        [pieces, sku],
      );
      const answers = await Promise.all(
        Array.from({ length: callers }, () => orderUntilAnswered(sku, randomUUID(), count)),
      );
      expect(answers.filter(({ orderId }) => orderId !== undefined)).toHaveLength(pieces);
      const after = await sold(sku);
      expect([after.customers.length - before, after.left]).toEqual([pieces, 0]);
    }
    await annotate(`${rounds} rounds; repeated after ${JSON.stringify([...notNow])}`);
  },
  60_000 + rounds * 5_000,
);

test(
  `no order is lost or doubled when the process is killed in the middle and all callers ask again, in ${killRounds} rounds`,
  async ({ annotate }) => {
    const seen = { mixed: 0, answered: 0, cutOff: 0, repeated: 0 };
    let killedAfter_ms = 0;
    for (let round = 0; round < killRounds; round++) {
      const sku = await orders.sell({ sku: `KILLED-${round}` }, pieces);
      const keys = Array.from({ length: callers }, () => randomUUID());
      const orderIdOfKey = new Map<string, string>();
      /** Orders that the killed process had answered. */
      let answered = 0;
      const cutOff = new Set<string>();
      const { promise: enough, resolve: killNow } = Promise.withResolvers<void>();
      // Every other round kills after a random number of answers. The others kill at a random moment, which lies within
      // twice the time that the last such kill took.
      const betweenAnswers = round % 2 === 0;
      const killAfter = 1 + Math.floor(Math.random() * (callers / 2));
      const ask = async (key: string): Promise<void> => {
        const { orderId, repeated } = await orderUntilAnswered(sku, key, (what) => {
          if (what === 'cut off') cutOff.add(key);
        });
        if (!cutOff.has(key) && ++answered === killAfter) killNow();
        if (repeated) seen.repeated++;
        if (orderId !== undefined) orderIdOfKey.set(key, orderId);
      };
      const began_ms = performance.now();
      const asking = Promise.all(keys.map(ask));
      await (betweenAnswers ? enough : pause(Math.random() * 2 * killedAfter_ms));
      if (betweenAnswers) killedAfter_ms = performance.now() - began_ms;
      await orders.restart();
      await asking;
      const { customers, left } = await sold(sku);
      expect([customers.length, left]).toEqual([pieces, 0]);
      expect(customers).toEqual([...orderIdOfKey.keys()].toSorted());
      const { rows } = await orders.owner.query<{ id: string }>(
        'select id from catalog.orders where customer_id = any ($1)',
        [keys],
      );
      expect(rows.map(({ id }) => id).toSorted()).toEqual([...orderIdOfKey.values()].toSorted());
      if (answered > 0 && cutOff.size > 0) seen.mixed++;
      seen.answered += answered;
      seen.cutOff += cutOff.size;
    }
    await annotate(
      `${killRounds} kills, ${seen.mixed} of them with some orders answered and others cut off: ${seen.answered} answered, ${seen.cutOff} cut off, ${seen.repeated} committed before the kill and answered after it`,
    );
    // Without kills in the middle of the orders, this test would prove nothing.
    expect(seen.mixed).toBeGreaterThanOrEqual(killRounds / 4);
  },
  60_000 + killRounds * 20_000,
);
