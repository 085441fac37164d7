import { loadSql, type PoolClient, type Queryable } from '@catalog/database';
import { CatalogError, type Stock, type StockAdjustment, type StockList } from '@catalog/contracts';

const sql = {
  lock: loadSql(import.meta.url, './sql/lock-stock.sql'),
  move: loadSql(import.meta.url, './sql/move-stock.sql'),
  ensure: loadSql(import.meta.url, './sql/ensure-stock.sql'),
  read: loadSql(import.meta.url, './sql/read-stock.sql'),
  readMany: loadSql(import.meta.url, './sql/read-stock-of-products.sql'),
  recordAdjustment: loadSql(import.meta.url, './sql/record-adjustment.sql'),
};

/** The number of pieces of each product, by its id. */
export type Pieces = ReadonlyMap<string, number>;

/** A product, and the SKU that its caller knows it by. */
export interface StockedProduct {
  readonly id: string;
  readonly sku: string;
}

/** The largest `integer` of Postgres. */
const maxOnHand = 2_147_483_647;

/**
 * Takes all of these pieces or none, in the transaction of the caller.
 *
 * @returns the stock of each product that has too few pieces; empty if all pieces were taken
 */
export async function takeStock(client: PoolClient, pieces: Pieces): Promise<Pieces> {
  const onHand = await lock(client, pieces);
  const short = [...pieces].filter(([id, wanted]) => (onHand.get(id) ?? 0) < wanted);
  if (short.length > 0) return new Map(short.map(([id]) => [id, onHand.get(id) ?? 0]));
  await move(client, pieces, -1);
  return new Map();
}

/**
 * Gives pieces back, even if the stock row was deleted meanwhile.
 *
 * @throws CatalogError `conflict` when the result exceeds `integer`; then somebody must correct the stock first
 */
export async function returnStock(
  client: PoolClient,
  pieces: Pieces,
  skuOf: (productId: string) => string,
): Promise<void> {
  await client.query(sql.ensure, [[...pieces.keys()].toSorted()]);
  for (const [productId, onHand] of await lock(client, pieces)) {
    const back = pieces.get(productId) ?? 0;
    if (onHand + back <= maxOnHand) continue;
    const message = `${onHand} of ${skuOf(productId)} are on hand, and ${back} more exceed the limit of ${maxOnHand}. Correct the stock first.`;
    throw new CatalogError('conflict', message);
  }
  await move(client, pieces, 1);
}

/** @returns the new stock, or why it was not changed */
export async function adjustStock(
  client: PoolClient,
  { id, sku }: StockedProduct,
  { delta, reason }: StockAdjustment,
  adjustedBy: string,
): Promise<Stock | { readonly refused: 'below_zero' | 'too_many'; readonly onHand: number }> {
  await client.query(sql.ensure, [[id]]);
  const pieces = new Map([[id, delta]]);
  const onHand = (await lock(client, pieces)).get(id) ?? 0;
  if (onHand + delta < 0) return { refused: 'below_zero', onHand };
  if (onHand + delta > maxOnHand) return { refused: 'too_many', onHand };
  await move(client, pieces, 1);
  await client.query(sql.recordAdjustment, [id, sku, delta, reason, adjustedBy]);
  const stock = await readStock(client, { id, sku });
  if (stock === null) throw new Error(`the locked stock row of ${sku} has disappeared`);
  return stock;
}

export async function readStock(db: Queryable, { id, sku }: StockedProduct): Promise<Stock | null> {
  const { rows } = await db.query<Pick<Stock, 'onHand' | 'updatedAt'>>(sql.read, [id]);
  return rows[0] === undefined ? null : { sku, productId: id, ...rows[0] };
}

/** @returns one element for each product that ever received stock */
export async function readStockOfProducts(db: Queryable, ids: readonly string[]): Promise<StockList['data']> {
  const { rows } = await db.query<StockList['data'][number]>(sql.readMany, [ids]);
  return rows;
}

async function lock(client: PoolClient, pieces: Pieces): Promise<Pieces> {
  const { rows } = await client.query<{ productId: string; onHand: number }>(sql.lock, [[...pieces.keys()]]);
  return new Map(rows.map(({ productId, onHand }) => [productId, onHand]));
}

async function move(client: PoolClient, pieces: Pieces, sign: 1 | -1): Promise<void> {
  await client.query(sql.move, [[...pieces.keys()], [...pieces.values()].map((count) => sign * count)]);
}
