import type { ChangeTrace, TransactionChanges } from '@catalog/contracts';
import { loadSql, type Queryable } from '@catalog/database';

const sql = {
  traces: loadSql(import.meta.url, './traces.sql'),
  ofTransaction: loadSql(import.meta.url, './of-transaction.sql'),
  noteRefreshed: loadSql(import.meta.url, './note-refreshed.sql'),
};

/** What happened to recent changes, and when. */
export class ChangeTraces {
  readonly #db: Queryable;

  /** @param db a pool with `outboxPoolOptions` */
  constructor(db: Queryable) {
    this.#db = db;
  }

  /** The recent changes of one key, the newest first. Scans the whole outbox: for people, not for the feed. */
  async ofKey(entity: string, key: string, limit: number): Promise<ChangeTrace[]> {
    const { rows } = await this.#db.query<ChangeTrace>(sql.traces, [entity, key, limit]);
    return rows;
  }

  /** What became of the changes of one transaction. Scans the whole outbox too. */
  async ofTransaction(transaction: number): Promise<TransactionChanges> {
    const { rows } = await this.#db.query<TransactionChanges>(sql.ofTransaction, [transaction]);
    const [found] = rows;
    if (found === undefined) throw new Error('an aggregate answered no row');
    return found;
  }

  /** Notes that the keys of these changes have been filled again. */
  async noteRefreshed(seqs: readonly number[]): Promise<{ seq: number; refreshedAt: string }[]> {
    const { rows } = await this.#db.query<{ seq: number; refreshedAt: string }>(sql.noteRefreshed, [seqs]);
    return rows;
  }
}
