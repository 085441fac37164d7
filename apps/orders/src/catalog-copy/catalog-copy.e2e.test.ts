/** The copy compared with the catalog, while processes on both sides are killed. */
import { eventually, startService, type ServiceProcess } from '@catalog/testing';
import { afterAll, expect, test } from 'vitest';
import { runningOrders } from '../testing/running-orders.ts';

/** More of them search longer: `KILL_ROUNDS=50`. */
const rounds = Number(process.env['KILL_ROUNDS'] ?? 4);

const orders = await runningOrders();
const readers: ServiceProcess[] = [];
afterAll(async () => {
  for (const reader of readers) await reader[Symbol.asyncDispose]();
  await orders[Symbol.asyncDispose]();
});

const columns = 'sku, name, price_minor, currency, weight_grams, status, version';
async function differences(): Promise<unknown[]> {
  const { rows } = await orders.owner.query<{ id: string }>(`
    (select id, ${columns} from catalog.products except select product_id, ${columns} from catalog.copied_products)
    union all
    (select product_id, ${columns} from catalog.copied_products except select id, ${columns} from catalog.products)`);
  return rows;
}
const isEqual = async () => (await differences()).length === 0;

/** Changes of every kind, some of them in transactions that commit late. */
async function change(round: number): Promise<void> {
  const late = await orders.owner.connect();
  try {
    await late.query('begin');
    await late.query("update catalog.products set name = name || '~' where sku like 'COPY-1%'");
    await orders.owner.query(`
      insert into catalog.products (sku, name, brand, category, price_minor, currency)
      select 'COPY-${round}-' || n, 'x', 'x', 'x', n, 'EUR' from generate_series(1, 40) n`);
    await orders.owner.query('update catalog.products set price_minor = price_minor + 1 where sku like $1', [
      `COPY-${round}-%`,
    ]);
    await orders.owner.query('delete from catalog.products where sku like $1', [`COPY-${round}-3%`]);
    await late.query('commit');
  } finally {
    late.release();
  }
}

test(`the copy equals the catalog after ${rounds} rounds of changes in which both sides are killed`, async () => {
  // On the port of the killed process, so that orders finds it again.
  const { port } = orders.catalog.read;
  const startReader = () =>
    startService('catalog-read', { ...orders.catalog.env('catalog_read'), PORT: String(port) });
  await eventually(isEqual, { timeout_ms: 60_000 });
  for (let round = 0; round < rounds; round += 1) {
    const changing = change(round);
    if (round % 2 === 0) await orders.restart();
    else {
      await (readers.at(-1) ?? orders.catalog.read).kill('SIGKILL');
      readers.push(await startReader());
    }
    await changing;
    await eventually(isEqual, { timeout_ms: 60_000 });
  }
  await orders.owner.query('truncate catalog.products');
  await eventually(isEqual, { timeout_ms: 60_000 });
  expect(await differences()).toEqual([]);
}, 300_000);

test('after a failover the copy is read again as a whole, also where changes were lost', async () => {
  await orders.sell({ sku: 'LOST-1' }, 1);
  await eventually(isEqual, { timeout_ms: 60_000 });
  // The failover loses a change that the copy has: a product that only the copy knows.
  await orders.owner.query(`
    insert into catalog.copied_products (product_id, sku, name, price_minor, currency, status, version, round)
    select uuidv7(), 'LOST-2', 'x', 1, 'EUR', 'active', 1, round from catalog.copy_position;
    update catalog.copied_products set version = 9007199254740991, price_minor = 1 where sku = 'LOST-1';
    select catalog.begin_incarnation(0, incarnation) from catalog.database_incarnation`);
  await eventually(
    async () => {
      const { rows } = await orders.owner.query("select from catalog.copied_products where sku = 'LOST-2'");
      return rows.length === 0;
    },
    { timeout_ms: 60_000 },
  );
  await eventually(isEqual, { timeout_ms: 60_000 });
  expect(await differences()).toEqual([]);
}, 180_000);
