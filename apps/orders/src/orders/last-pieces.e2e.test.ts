import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { orderSchema, problemSchema } from '@catalog/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runningOrders, type RunningOrders } from '../testing/running-orders.ts';

/** Of 64 callers at once; `ROUNDS=1000` for the claim of the README. */
const rounds = Number(process.env['ROUNDS'] ?? 20);
/** Each takes a start of the service, so there are fewer: a hundred for a thousand. */
const killRounds = Number(process.env['KILL_ROUNDS'] ?? Math.max(4, Math.ceil(rounds / 10)));
const callers = 64;
const pieces = 10;

let orders: RunningOrders;
beforeAll(async () => {
  orders = await runningOrders();
});
afterAll(() => orders[Symbol.asyncDispose]());

const order = (sku: string, key: string) =>
  orders.call('POST', '/v1/orders', {
    body: { customerId: key, lines: [{ sku, quantity: 1 }] },
    headers: { 'Idempotency-Key': key },
  });

/** What Postgres says was sold of it, and to whom. */
async function sold(sku: string): Promise<{ customers: string[]; left: number }> {
  const { rows } = await orders.owner.query<{ customer_id: string }>(
    'select o.customer_id from catalog.orders o join catalog.order_items i on i.order_id = o.id where i.sku = $1 order by 1',
    [sku],
  );
  return { customers: rows.map(({ customer_id }) => customer_id), left: await orders.onHand(sku) };
}

/**
 * Asks until the answer is final, as callers do: 201, or 409 `stock_short`. Hears of every answer that says "not now", such
 * as that of a machine which is busy with something else, and of every attempt that ends without one.
 */
async function askUntilTold(
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
      // `conflict`: the key belongs to a transaction of a killed process that Postgres has not ended yet.
      if (code !== 'unavailable' && code !== 'conflict') throw new Error(`${code}: ${detail}`);
      notNow(`${code}: ${detail}`);
    } catch (error) {
      // The process is gone; another comes.
      if (!(error instanceof TypeError)) throw error;
      notNow('cut off');
    }
    await pause(20);
  }
}

test(
  `${callers} at once for the last ${pieces} pieces: exactly ${pieces} are sold, ${rounds} times`,
  async ({ annotate }) => {
    const sku = await orders.sell({ sku: 'LAST' }, 0);
    const notNow = new Map<string, number>();
    const count = (what: string) => notNow.set(what, (notNow.get(what) ?? 0) + 1);
    for (let round = 0; round < rounds; round++) {
      const before = (await sold(sku)).customers.length;
      await orders.owner.query('update catalog.stock set on_hand = $1 where sku = $2', [pieces, sku]);
      const answers = await Promise.all(
        Array.from({ length: callers }, () => askUntilTold(sku, randomUUID(), count)),
      );
      expect(answers.filter(({ orderId }) => orderId !== undefined)).toHaveLength(pieces);
      const after = await sold(sku);
      expect([after.customers.length - before, after.left]).toEqual([pieces, 0]);
    }
    await annotate(`${rounds} rounds; asked again after ${JSON.stringify([...notNow])}`);
  },
  60_000 + rounds * 5_000,
);

test(
  `the same, with the process killed in the middle and every caller asking again, ${killRounds} times: none lost, none doubled`,
  async ({ annotate }) => {
    const seen = { mixed: 0, answered: 0, cutOff: 0, repeated: 0 };
    let killedAfter_ms = 0;
    for (let round = 0; round < killRounds; round++) {
      const sku = await orders.sell({ sku: `KILLED-${round}` }, pieces);
      const keys = Array.from({ length: callers }, () => randomUUID());
      const told = new Map<string, string>();
      /** By the process that is killed. */
      let answered = 0;
      const cutOff = new Set<string>();
      const { promise: enough, resolve: killNow } = Promise.withResolvers<void>();
      // Every other time between two answers, else at any moment of what that took and of as long again.
      const betweenAnswers = round % 2 === 0;
      const killAfter = 1 + Math.floor(Math.random() * (callers / 2));
      const ask = async (key: string): Promise<void> => {
        const { orderId, repeated } = await askUntilTold(sku, key, (what) => {
          if (what === 'cut off') cutOff.add(key);
        });
        if (!cutOff.has(key) && ++answered === killAfter) killNow();
        if (repeated) seen.repeated++;
        if (orderId !== undefined) told.set(key, orderId);
      };
      const began_ms = performance.now();
      const asking = Promise.all(keys.map(ask));
      await (betweenAnswers ? enough : pause(Math.random() * 2 * killedAfter_ms));
      if (betweenAnswers) killedAfter_ms = performance.now() - began_ms;
      await orders.restart();
      await asking;
      const { customers, left } = await sold(sku);
      expect([customers.length, left]).toEqual([pieces, 0]);
      expect(customers).toEqual([...told.keys()].toSorted());
      const { rows } = await orders.owner.query<{ id: string }>(
        'select id from catalog.orders where customer_id = any ($1)',
        [keys],
      );
      expect(rows.map(({ id }) => id).toSorted()).toEqual([...told.values()].toSorted());
      if (answered > 0 && cutOff.size > 0) seen.mixed++;
      seen.answered += answered;
      seen.cutOff += cutOff.size;
    }
    await annotate(
      `${killRounds} kills, ${seen.mixed} of them with some orders answered and others cut off: ${seen.answered} answered, ${seen.cutOff} cut off, ${seen.repeated} committed before the kill and told after it`,
    );
    // Else nothing was killed in the middle, and the above has shown nothing.
    expect(seen.mixed).toBeGreaterThanOrEqual(killRounds / 4);
  },
  60_000 + killRounds * 20_000,
);
