import { randomUUID } from 'node:crypto';
import { type CatalogClient, type ChangeBatch, ChangesGone } from '@catalog/catalog-client';
import type { Product } from '@catalog/contracts';
import { loadSql, withTransaction, type Pool, type PoolClient } from '@catalog/database';
import { backoff, pause, type Part } from '@catalog/runtime';

const sql = {
  takePlace: loadSql(import.meta.url, './sql/take-place.sql'),
  beginRound: loadSql(import.meta.url, './sql/begin-round.sql'),
  movePosition: loadSql(import.meta.url, './sql/move-position.sql'),
  storeProducts: loadSql(import.meta.url, './sql/store-products.sql'),
  deleteProducts: loadSql(import.meta.url, './sql/delete-products.sql'),
  deleteUnseen: loadSql(import.meta.url, './sql/delete-unseen.sql'),
  find: loadSql(import.meta.url, './sql/find.sql'),
};

/** The catalog tells a follower every 5 s that it has seen all. After three missed times another process takes over. */
const place_s = 15;
const retryPause_ms = backoff({ first_ms: 500, most_ms: 10_000 });

/** What an order needs of a product. */
export type CopiedProduct = Pick<
  Product,
  'id' | 'sku' | 'name' | 'priceMinor' | 'currency' | 'weightGrams' | 'status' | 'version'
>;

export interface FoundInCopy {
  readonly product: CopiedProduct | null;
  /** The time since the copy was known to have all changes. */
  readonly age_ms: number;
}

interface CatalogCopyOptions {
  readonly pool: Pool;
  readonly catalog: Pick<CatalogClient, 'changeBatches'>;
  readonly onError: (error: unknown) => void;
}

/**
 * A copy of the products in the tables of this service. One transaction stores a batch of changes and the cursor after them, so a
 * crash neither loses a change nor stores one twice. One process writes the copy for all.
 */
export class CatalogCopy implements Part {
  readonly #options: CatalogCopyOptions;
  readonly #process = randomUUID();

  constructor(options: CatalogCopyOptions) {
    this.#options = options;
  }

  /** Undefined until all products have been read once. */
  async find(sku: string): Promise<FoundInCopy | undefined> {
    type Row = { age_ms: number } & { [Field in keyof CopiedProduct]: CopiedProduct[Field] | null };
    const { rows } = await this.#options.pool.query<Row>(sql.find, [sku]);
    const [row] = rows;
    if (row === undefined) return undefined;
    const { age_ms, ...product } = row;
    return { age_ms: Math.max(0, age_ms), product: product.id === null ? null : (product as CopiedProduct) };
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted;) {
      try {
        await this.#follow(signal);
        failures = 0;
        // Another process writes the copy.
        await pause((place_s * 1_000) / 3, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#options.onError(error);
        failures += 1;
        await pause(Math.random() * retryPause_ms(failures), signal);
      }
    }
  }

  /** Returns when another process writes the copy. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { pool, catalog } = this.#options;
    const { rows } = await pool.query<{ cursor: string | null }>(sql.takePlace, [this.#process, place_s]);
    const [place] = rows;
    if (place === undefined) return;
    if (place.cursor === null) await pool.query(sql.beginRound, [this.#process]);
    const after = place.cursor ?? 'snapshot';
    try {
      for await (const batch of catalog.changeBatches({ after, include: 'product', signal })) {
        if (!(await withTransaction(pool, (client) => this.#store(client, batch)))) return;
      }
    } catch (error) {
      if (!(error instanceof ChangesGone)) throw error;
      // The copy stays in use, and says how old it is, until the reading has replaced it.
      this.#options.onError(error);
      await pool.query(sql.beginRound, [this.#process]);
    }
  }

  /** @returns false if another process writes the copy now */
  async #store(client: PoolClient, { changes, cursor, isCaughtUp }: ChangeBatch): Promise<boolean> {
    const { rows } = await client.query<{ round: number; hasFinished: boolean }>(sql.movePosition, [
      this.#process,
      place_s,
      cursor,
      isCaughtUp,
    ]);
    const [position] = rows;
    if (position === undefined) return false;
    // Of several changes of one product, the last one has its newest state.
    const products = new Map(changes.map(({ key, product }) => [key, product ?? null]));
    const present = [...products.values()].filter((product) => product !== null);
    const absent = [...products].flatMap(([key, product]) => (product === null ? [key] : []));
    if (present.length > 0) {
      await client.query(sql.storeProducts, [
        position.round,
        present.map(({ id }) => id),
        present.map(({ sku }) => sku),
        present.map(({ name }) => name),
        present.map(({ priceMinor }) => priceMinor),
        present.map(({ currency }) => currency),
        present.map(({ weightGrams }) => weightGrams),
        present.map(({ status }) => status),
        present.map(({ version }) => version),
      ]);
    }
    if (absent.length > 0) await client.query(sql.deleteProducts, [absent]);
    if (position.hasFinished) await client.query(sql.deleteUnseen, [position.round]);
    return true;
  }
}
