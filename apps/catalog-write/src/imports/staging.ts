import { finished } from 'node:stream/promises';
import type { ProductCreate } from '@catalog/contracts';
import { loadSql } from '@catalog/database';
import type { Pool, PoolClient } from 'pg';
import { from as copyFrom, type CopyStreamQuery } from 'pg-copy-streams';
import { copyLine } from './copy-format.ts';
import { importLimits } from './limits.ts';

const sql = {
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
 */
export class Staging implements AsyncDisposable {
  readonly client: PoolClient;
  #piece = '';
  #copy: { stream: CopyStreamQuery; done: Promise<void> } | undefined;
  #rowsInCopy = 0;

  private constructor(client: PoolClient) {
    this.client = client;
  }

  static async open(pool: Pool): Promise<Staging> {
    const client = await pool.connect();
    // What breaks the connection fails the query in flight too, and that is where it is told.
    client.on('error', () => {});
    try {
      await client.query(sql.createTable);
      return new Staging(client);
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  /** Kept in memory until `flush`. */
  add(line: number, product: ProductCreate): void {
    this.#piece += copyLine(line, product);
    this.#rowsInCopy++;
  }

  /** Hands rows over when enough have come together; resolves when Postgres' connection has taken them. */
  async flush(): Promise<void> {
    if (this.#piece.length < importLimits.copyPiece_chars) return;
    await this.#write();
    if (this.#rowsInCopy >= importLimits.rowsPerCopy) await this.#endCopy();
  }

  /** Everything is in the table after this, and the planner knows how much that is. */
  async complete(): Promise<void> {
    if (this.#piece !== '') await this.#write();
    await this.#endCopy();
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

  async #write(): Promise<void> {
    this.#copy ??= this.#startCopy();
    const { stream, done } = this.#copy;
    const piece = this.#piece;
    this.#piece = '';
    const written = new Promise<void>((resolve, reject) => {
      stream.write(piece, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
    // A connection that breaks fails `done`; the write may then never be called back.
    await Promise.race([written, done]);
  }

  #startCopy(): { stream: CopyStreamQuery; done: Promise<void> } {
    const stream = this.client.query(copyFrom(sql.copy));
    const done = finished(stream);
    // It is awaited later; failing before that must not count as unhandled.
    done.catch(() => {});
    return { stream, done };
  }

  async #endCopy(): Promise<void> {
    this.#rowsInCopy = 0;
    if (this.#copy === undefined) return;
    const { stream, done } = this.#copy;
    this.#copy = undefined;
    stream.end();
    await done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#copy?.stream.destroy();
    this.client.release(true);
    await Promise.resolve();
  }
}
