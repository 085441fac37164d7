/** A row that reads more products once than the state Redis has room to count. */
import { pause } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import type { System } from '../system/system.ts';
import type { Row } from './row.ts';

const products = 25_000;
/** A statement of some seconds on a busy machine. */
const deletedAtOnce = 5_000;
const idsInCall = 100;
/** `viewLimits.batchProducts` in libs/redis. */
const countedProducts = 10_000;
/** Free memory left in the state Redis. One counter for each product would need more. */
const room_bytes = 2 * 2 ** 20;
/** catalog-read sends its counts once a second. */
const counted_ms = 2_500;
const fresh_ms = 5_000;

async function insertProducts({ sql }: System): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `insert into catalog.products (sku, name, brand, category, price_minor, currency, status)
     select 'VIEWED-' || gen_random_uuid(), 'Viewed', 'Acme', 'viewed', 100, 'EUR', 'active' from generate_series(1, $1)
     returning id`,
    [products],
  );
  return rows.map(({ id }) => id);
}

/** Waits until all changes before this call are applied. The jobs of later ones are small. */
async function awaitApplied({ sql }: System): Promise<void> {
  const { rows } = await sql.query<{ now: string }>('select clock_timestamp()::text as now');
  const waiting = 'select from catalog.outbox where applied_at is null and changed_at < $1 limit 1';
  await eventually(async () => (await sql.query(waiting, [rows[0]?.now])).rowCount === 0, {
    timeout_ms: 60_000,
    interval_ms: 100,
  });
}

async function readOnce({ readers }: System, ids: readonly string[]): Promise<void> {
  const calls = Array.from({ length: Math.ceil(ids.length / idsInCall) }, (_, call) =>
    ids.slice(call * idsInCall, (call + 1) * idsInCall).join(','),
  );
  const client = async (url: string): Promise<void> => {
    for (let call = calls.pop(); call !== undefined; call = calls.pop()) {
      const path = `${url}/v1/products?ids=${call}`;
      await eventually(async () => (await fetch(path)).ok, { timeout_ms: 20_000, interval_ms: 100 });
    }
  };
  await Promise.all(readers.flatMap(({ url }) => [client(url), client(url)]));
}

export const viewsRow: Row = {
  id: '50',
  fault: 'many products are each read once',
  injected: `${products} products are read once, with room for 2 MiB in the state Redis`,
  async inject({ system, keys, observe, expect }) {
    const { state, sql, readers } = system;
    const memory = async (field: string): Promise<number> =>
      Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(await state.info('memory'))?.[1]);
    const ids = await insertProducts(system);
    await awaitApplied(system);
    const before = await memory('maxmemory');
    await state.config('SET', 'maxmemory', String((await memory('used_memory')) + room_bytes));
    try {
      await readOnce(system, ids);
      await pause(counted_ms);
      const [used, most] = [await memory('used_memory'), await memory('maxmemory')];
      observe(`the state Redis uses ${used} of ${most} bytes`);
      expect(used < most, 'the state Redis has room');
      expect((await state.zcard('views:open')) <= countedProducts, 'the counted products have a limit');
      const key = keys.lasting[0] ?? '';
      await sql.query(
        'update catalog.products set weight_grams = coalesce(weight_grams, 0) + 1 where id = $1',
        [key],
      );
      const isFresh = await eventually(
        async () => {
          const waiting = 'select from catalog.outbox where entity = $1 and key = $2 and applied_at is null';
          return (await sql.query(waiting, ['product', key])).rowCount === 0;
        },
        { timeout_ms: fresh_ms },
      ).catch(() => false);
      expect(isFresh, `a change is applied within ${fresh_ms / 1_000} s`);
      const popular = await fetch(`${readers[0]?.url}/v1/products/popular`);
      expect(popular.ok, 'the popular products are answered');
    } finally {
      await state.config('SET', 'maxmemory', String(before));
      for (let start = 0; start < ids.length; start += deletedAtOnce) {
        const some = ids.slice(start, start + deletedAtOnce);
        await sql.query('delete from catalog.products where id = any ($1)', [some]);
      }
      await awaitApplied(system);
    }
  },
};
