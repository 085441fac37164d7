import { loadSql, type PoolClient, type Queryable } from '@catalog/database';
import { CatalogError, type Stock, type StockAdjustment } from '@catalog/contracts';

const sql = {
  lock: loadSql(import.meta.url, './sql/lock-stock.sql'),
  move: loadSql(import.meta.url, './sql/move-stock.sql'),
  ensure: loadSql(import.meta.url, './sql/ensure-stock.sql'),
  read: loadSql(import.meta.url, './sql/read-stock.sql'),
  recordAdjustment: loadSql(import.meta.url, './sql/record-adjustment.sql'),
};

/** Pieces of each SKU. */
export type Pieces = ReadonlyMap<string, number>;

/** Postgres' `integer`. */
const mostOnHand = 2_147_483_647;

/**
 * Takes these pieces, all or none, in the caller's transaction.
 *
 * @returns what is on hand of each SKU of which there are not enough; empty if all were taken
 */
export async function takeStock(client: PoolClient, pieces: Pieces): Promise<Pieces> {
  const onHand = await lock(client, pieces);
  const short = [...pieces].filter(([sku, wanted]) => (onHand.get(sku) ?? 0) < wanted);
  if (short.length > 0) return new Map(short.map(([sku]) => [sku, onHand.get(sku) ?? 0]));
  await move(client, pieces, -1);
  return new Map();
}

/**
 * Gives pieces back, also where the row of the stock was deleted meanwhile.
 *
 * @throws CatalogError `conflict` where there would be more than can be counted: the stock must be corrected first
 */
export async function returnStock(client: PoolClient, pieces: Pieces): Promise<void> {
  await client.query(sql.ensure, [[...pieces.keys()].toSorted()]);
  for (const [sku, onHand] of await lock(client, pieces)) {
    const back = pieces.get(sku) ?? 0;
    if (onHand + back <= mostOnHand) continue;
    const message = `${onHand} of ${sku} are on hand; ${back} more are more than can be counted.`;
    throw new CatalogError('conflict', message);
  }
  await move(client, pieces, 1);
}

/** @returns the stock as it is now, or what stands in the way */
export async function adjustStock(
  client: PoolClient,
  sku: string,
  { delta, reason }: StockAdjustment,
  adjustedBy: string,
): Promise<Stock | { readonly refused: 'below_zero' | 'too_many'; readonly onHand: number }> {
  await client.query(sql.ensure, [[sku]]);
  const pieces = new Map([[sku, delta]]);
  const onHand = (await lock(client, pieces)).get(sku) ?? 0;
  if (onHand + delta < 0) return { refused: 'below_zero', onHand };
  if (onHand + delta > mostOnHand) return { refused: 'too_many', onHand };
  await move(client, pieces, 1);
  await client.query(sql.recordAdjustment, [sku, delta, reason, adjustedBy]);
  const stock = await readStock(client, sku);
  if (stock === null) throw new Error('stock that was just locked is gone');
  return stock;
}

export async function readStock(db: Queryable, sku: string): Promise<Stock | null> {
  const { rows } = await db.query<Stock>(sql.read, [sku]);
  return rows[0] ?? null;
}

async function lock(client: PoolClient, pieces: Pieces): Promise<Pieces> {
  const { rows } = await client.query<{ sku: string; onHand: number }>(sql.lock, [[...pieces.keys()]]);
  return new Map(rows.map(({ sku, onHand }) => [sku, onHand]));
}

async function move(client: PoolClient, pieces: Pieces, sign: 1 | -1): Promise<void> {
  await client.query(sql.move, [[...pieces.keys()], [...pieces.values()].map((count) => sign * count)]);
}
