import { finished } from 'node:stream/promises';
import { CatalogError, type ProductImport } from '@catalog/contracts';
import { loadSql } from '@catalog/database';
import type { Pool, PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { importLimits } from '../limits.ts';

const sql = {
  tune: loadSql(import.meta.url, './sql/tune.sql'),
  createTable: loadSql(import.meta.url, './sql/create-table.sql'),
  copy: loadSql(import.meta.url, './sql/copy.sql'),
  dropDuplicates: loadSql(import.meta.url, './sql/drop-duplicates.sql'),
};

export interface Duplicates {
  readonly total: number;
  readonly first: readonly { line: number; sku: string; firstLine: number }[];
}

/**
 * The staging table of one import, on a connection of its own. No transaction is open while the client sends, because a
 * slow upload would then keep vacuum from cleaning the outbox. Disposing closes the connection, which drops the table.
 *
 * When `signal` aborts, the connection is cut. The running statement fails, and nothing is committed after that.
 */
export class Staging implements AsyncDisposable {
  readonly client: PoolClient;
  readonly #signal: AbortSignal;
  readonly #most_bytes: number;
  #piece = '';
  #staged_bytes = 0;
  #copying: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(client: PoolClient, signal: AbortSignal, most_bytes: number) {
    this.client = client;
    this.#most_bytes = most_bytes;
    this.#signal = signal;
    // A broken connection also fails the running query, and the query reports it.
    client.on('error', () => {});
    signal.addEventListener('abort', this.#close);
    if (signal.aborted) this.#close();
  }

  /** @param most_bytes of all rows */
  static async open(
    pool: Pool,
    signal: AbortSignal,
    most_bytes: number = importLimits.staged_bytes,
  ): Promise<Staging> {
    const staging = new Staging(await pool.connect(), signal, most_bytes);
    try {
      await staging.client.query(sql.tune, [
        `${importLimits.workMemory_kB}kB`,
        `${importLimits.clientCheck_ms}ms`,
      ]);
      await staging.client.query(sql.createTable);
      return staging;
    } catch (error) {
      staging.#close();
      throw error;
    }
  }

  /**
   * Keeps the row in memory until `flush`.
   *
   * @throws CatalogError `body_too_large`
   */
  add(line: number, product: ProductImport): void {
    const row = copyLine(line, product);
    this.#staged_bytes += Buffer.byteLength(row) + importLimits.rowOverhead_bytes;
    if (this.#staged_bytes > this.#most_bytes) throw tooLarge(line, this.#most_bytes);
    this.#piece += row;
  }

  /**
   * Sends the rows to Postgres once there are enough for a piece, and first waits for the previous piece. So at most two
   * pieces are in memory.
   */
  async flush(): Promise<void> {
    if (this.#piece.length >= importLimits.copyPiece_chars) await this.#startCopy();
  }

  /** After this all rows are in the table, and the planner knows their number. */
  async complete(): Promise<void> {
    if (this.#piece !== '') await this.#startCopy();
    await this.#copying;
    await this.client.query('analyze pg_temp.import_rows');
  }

  /** Keeps only the first of the records with the same SKU. */
  async dropDuplicates(): Promise<Duplicates> {
    const { rows } = await this.client.query<{ total: number; line: number; sku: string; firstLine: number }>(
      sql.dropDuplicates,
      [importLimits.listedErrors],
    );
    return { total: rows[0]?.total ?? 0, first: rows };
  }

  /** Postgres takes this piece while the next one is read and checked. */
  async #startCopy(): Promise<void> {
    await this.#copying;
    const stream = this.client.query(copyFrom(sql.copy));
    stream.end(this.#piece);
    this.#piece = '';
    this.#copying = finished(stream);
    // It is awaited later. A failure before that must not count as an unhandled rejection.
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

function tooLarge(line: number, most_bytes: number): CatalogError {
  const { rowOverhead_bytes: overhead } = importLimits;
  return new CatalogError(
    'body_too_large',
    `The records before line ${line} have ${most_bytes / 2 ** 20} MiB, with ${overhead} bytes more for each: more than one import ` +
      'may have. Import the file in parts. Nothing has changed.',
  );
}

/**
 * One row in the text format of COPY, with the columns in the order of `copy.sql`. A field that the record leaves out is
 * null. For the fields that may be null themselves, `given` says which ones the record has.
 */
function copyLine(line: number, product: ProductImport): string {
  const { gtin, weightGrams, lengthMm, widthMm, heightMm } = product;
  const given = bit(gtin, 1) | bit(weightGrams, 2) | bit(lengthMm, 4) | bit(widthMm, 8) | bit(heightMm, 16);
  return `${line}\t${given}\t${text(product.sku)}\t${text(product.name)}\t${text(product.description)}\t${text(product.brand)}\t${text(product.category)}\t${plain(gtin)}\t${plain(weightGrams)}\t${plain(lengthMm)}\t${plain(widthMm)}\t${plain(heightMm)}\t${plain(product.priceMinor)}\t${plain(product.currency)}\t${plain(product.status)}\t${product.attributes === undefined ? '\\N' : text(JSON.stringify(product.attributes))}\n`;
}

const bit = (value: unknown, worth: number): number => (value === undefined ? 0 : worth);

/** A value without characters that COPY reads in another way. */
function plain(value: number | string | null | undefined): string {
  return value === null || value === undefined ? '\\N' : String(value);
}

const special = /[\\\n\r\t]/;
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Escaped as the PostgreSQL manual says under COPY, "Text Format". */
function text(value: string | undefined): string {
  if (value === undefined) return '\\N';
  return special.test(value) ? value.replace(/[\\\n\r\t]/g, (found) => escapes[found] ?? found) : value;
}
