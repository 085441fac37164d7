/** Services of two releases side by side, on one database and one cache. */
import { randomUUID } from 'node:crypto';
import { pause } from '@catalog/runtime';
import type { Row, Stage } from '../rows/row.ts';
import { migrateWith, places, type Fleet, type Release } from './fleet.ts';
import { OrdersLoad, stockedPieces } from './orders-load.ts';
import { repository, type Previous } from './previous.ts';

/** How long the releases work side by side between two steps. */
const stay_ms = { atLeast: 300, atMost: 1_500 };
const orderedProducts = 3;
/** On a busy machine a request may reach a deadline. Then it has changed nothing, and the client tries again. */
const triesThatFail = 0.02;

export function upgradeRow(previous: Previous, old: Release): Row {
  return {
    id: 'upgrade',
    fault: 'a rolling upgrade, and back',
    injected:
      'the services of the previous commit run; the new code migrates; then each is replaced in turn, all go back at once on the ' +
      'new schema, and all are replaced again',
    impossible: async () => ('why' in previous ? previous.why : undefined),
    async inject(stage) {
      const { system, patience, observe } = stage;
      const { fleet } = system;
      if (fleet === undefined) throw new Error('the row needs services that it can replace');
      const next: Release = { name: 'new', repository };
      const stay = () => pause(stay_ms.atLeast + (stay_ms.atMost - stay_ms.atLeast) * patience);
      const all = (release: Release) => Promise.all(places.map((place) => fleet.replace(place, release)));
      await whileOrdering(stage, fleet, async () => {
        await stay();
        const began_ms = performance.now();
        const applied = await migrateWith(next, system.stack);
        await stay();
        for (const place of places) {
          await fleet.replace(place, next);
          await stay();
        }
        await all(old);
        await stay();
        await all(next);
        await stay();
        const took_s = (performance.now() - began_ms) / 1_000;
        const from = 'commit' in previous ? previous.commit.slice(0, 8) : '';
        observe(`from ${from}: ${applied} migrations, three rounds in ${took_s.toFixed(0)} s`);
      });
    },
  };
}

/** Places orders beside the work, and compares them with Postgres afterwards. */
async function whileOrdering(
  { system, keys, random, observe, expect }: Stage,
  fleet: Fleet,
  work: () => Promise<void>,
): Promise<void> {
  const orders = new OrdersLoad(fleet, system.stack);
  const ids = keys.lasting.slice(0, orderedProducts);
  const skus = ids.map((id) => `FAULT-${id}`);
  await orders.stock(skus);
  const customer = `upgrade-${randomUUID()}`;
  const ordering = orders.run(customer, skus, random);
  try {
    await work();
  } finally {
    orders.stop();
  }
  const { placed, failed, lost, doubled } = await ordering;
  const { rows } = await system.sql.query<{ orders: number; on_hand: number }>(
    `select (select count(*)::int from catalog.orders where customer_id = $1) as orders,
       (select sum(on_hand)::int from catalog.stock where product_id = any ($2)) as on_hand`,
    [customer, ids],
  );
  const [found] = rows;
  const sold = stockedPieces * skus.length - (found?.on_hand ?? 0);
  observe(`${placed.length} orders, ${failed.length} tries failed`);
  expect(placed.length > 20, 'orders were placed');
  const tries = placed.length + failed.length;
  expect(failed.length <= tries * triesThatFail, `few tries failed (${failed.slice(0, 3).join('; ')})`);
  expect(lost === 0, `each order was placed at last (${lost})`);
  expect(doubled === 0, `a repeated order is answered again, not placed again (${doubled})`);
  expect(found?.orders === placed.length, `each order exists once (${found?.orders})`);
  expect(sold === placed.length, `each order took its piece of the stock (${sold})`);
}
