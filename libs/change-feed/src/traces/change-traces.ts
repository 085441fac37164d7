import { CatalogError, type ChangeTrace, type TransactionChanges } from '@catalog/contracts';
import { loadSql, type Queryable } from '@catalog/database';
import { ChangeSlot } from '../change-slot/change-slot.ts';

const sql = {
  traces: loadSql(import.meta.url, './traces.sql'),
  latest: loadSql(import.meta.url, './latest.sql'),
  ofTransaction: loadSql(import.meta.url, './of-transaction.sql'),
  noteRefreshed: loadSql(import.meta.url, './note-refreshed.sql'),
};

/** How long a request waits for landings. A caller that needs more time asks again. */
const landing_ms = 1_000;

/** What happened to recent changes, and when. */
export class ChangeTraces {
  readonly #db: Queryable;
  readonly #slot: ChangeSlot;

  /** @param db a pool with `outboxPoolOptions` */
  constructor(db: Queryable) {
    this.#db = db;
    this.#slot = new ChangeSlot(db);
  }

  /** The recent changes of one key, the newest first. Scans the whole outbox: for people, not for the feed. */
  async ofKey(entity: string, key: string, limit: number): Promise<ChangeTrace[]> {
    const { rows } = await this.#db.query<ChangeTrace>(sql.traces, [entity, key, limit]);
    return rows;
  }

  /** The changes of all keys that were applied last, the last one first. Scans the whole outbox too. */
  async latest(limit: number): Promise<ChangeTrace[]> {
    const { rows } = await this.#db.query<ChangeTrace>(sql.latest, [limit]);
    return rows;
  }

  /**
   * What became of the changes of one transaction. Scans the whole outbox too.
   *
   * @throws CatalogError `unavailable` while its changes may not have landed from the change slot
   */
  async ofTransaction(transaction: number): Promise<TransactionChanges> {
    if (!(await this.#slot.untilLanded(landing_ms)))
      throw new CatalogError('unavailable', 'The changes may not have arrived from the change slot yet.', {
        retryAfterSeconds: 1,
      });
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
