import { finished } from 'node:stream/promises';
import type { ProductCreate } from '@catalog/contracts';
import { loadSql } from '@catalog/database';
import type { Pool, PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { importLimits } from '../limits.ts';

const sql = {
  tune: loadSql(import.meta.url, './sql/tune.sql'),
  createTable: loadSql(import.meta.url, './sql/staging-table.sql'),
  copy: loadSql(import.meta.url, './sql/stage.sql'),
  dropDuplicates: loadSql(import.meta.url, './sql/drop-duplicates.sql'),
};

export interface Duplicates {
  readonly total: number;
  readonly first: readonly { line: number; sku: string; firstLine: number }[];
}

/**
 * The staging table of one import, on a connection of its own. No transaction is open while the client is
 * sending: a slow upload would keep vacuum from the outbox. Disposed with its connection, and the table with both.
 * When `signal` aborts, the connection is cut: what runs on it fails, and what was not committed never will be.
 */
export class Staging implements AsyncDisposable {
  readonly client: PoolClient;
  readonly #signal: AbortSignal;
  #piece = '';
  #copying: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(client: PoolClient, signal: AbortSignal) {
    this.client = client;
    this.#signal = signal;
    // What breaks the connection fails the query in flight too, and that is where it is told.
    client.on('error', () => {});
    signal.addEventListener('abort', this.#close);
    if (signal.aborted) this.#close();
  }

  static async open(pool: Pool, signal: AbortSignal): Promise<Staging> {
    const staging = new Staging(await pool.connect(), signal);
    try {
      await staging.client.query(sql.tune, [
        `${importLimits.workMemory_kB}kB`,
        `${importLimits.goneCheck_ms}ms`,
      ]);
      await staging.client.query(sql.createTable);
      return staging;
    } catch (error) {
      staging.#close();
      throw error;
    }
  }

  /** Kept in memory until `flush`. */
  add(line: number, product: ProductCreate): void {
    this.#piece += copyLine(line, product);
  }

  /** Hands rows over when enough have come together, and waits for those before: at most two pieces are in memory. */
  async flush(): Promise<void> {
    if (this.#piece.length >= importLimits.copyPiece_chars) await this.#startCopy();
  }

  /** Everything is in the table after this, and the planner knows how much that is. */
  async complete(): Promise<void> {
    if (this.#piece !== '') await this.#startCopy();
    await this.#copying;
    await this.client.query('analyze pg_temp.import_rows');
  }

  /** Of records with the same SKU only the first stays. */
  async dropDuplicates(): Promise<Duplicates> {
    const { rows } = await this.client.query<{ total: number; line: number; sku: string; firstLine: number }>(
      sql.dropDuplicates,
      [importLimits.listedErrors],
    );
    return { total: rows[0]?.total ?? 0, first: rows };
  }

  /** Postgres takes the piece while the next one is read and checked. */
  async #startCopy(): Promise<void> {
    await this.#copying;
    const stream = this.client.query(copyFrom(sql.copy));
    stream.end(this.#piece);
    this.#piece = '';
    this.#copying = finished(stream);
    // It is awaited later; failing before that must not count as unhandled.
    this.#copying.catch(() => {});
  }

  readonly #close = (): void => {
    if (this.#closed) return;
    this.#closed = true;
    this.#signal.removeEventListener('abort', this.#close);
    this.client.release(true);
  };

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    await this.#copying.catch(() => {});
  }
}

/** In the order of `stage.sql`. */
function copyLine(line: number, product: ProductCreate): string {
  return `${line}\t${text(product.sku)}\t${text(product.name)}\t${text(product.description)}\t${text(product.brand)}\t${text(product.category)}\t${product.gtin ?? '\\N'}\t${number(product.weightGrams)}\t${number(product.lengthMm)}\t${number(product.widthMm)}\t${number(product.heightMm)}\t${product.priceMinor}\t${product.currency}\t${product.status}\t${text(JSON.stringify(product.attributes))}\n`;
}

function number(value: number | null): string {
  return value === null ? '\\N' : String(value);
}

const special = /[\\\n\r\t]/;
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** The text format of COPY (PostgreSQL manual, COPY, "Text Format"). */
function text(value: string): string {
  return special.test(value) ? value.replace(/[\\\n\r\t]/g, (found) => escapes[found] ?? found) : value;
}
