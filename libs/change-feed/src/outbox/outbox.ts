import { type Change, timings } from '@catalog/contracts';
import { loadSql, type Queryable } from '@catalog/database';

const sql = {
  claim: loadSql(import.meta.url, './claim.sql'),
  release: loadSql(import.meta.url, './release.sql'),
  acknowledge: loadSql(import.meta.url, './acknowledge.sql'),
  register: loadSql(import.meta.url, './register.sql'),
  look: loadSql(import.meta.url, './look.sql'),
  retire: loadSql(import.meta.url, './retire.sql'),
  backlog: loadSql(import.meta.url, './backlog.sql'),
};

export interface ClaimedChange extends Change {
  /** How often it has been dispatched, this time included. */
  readonly dispatches: number;
}

export interface Look {
  readonly oldest: number | null;
  readonly newest: number | null;
}

export interface Backlog {
  readonly unapplied: number;
  readonly oldest_ms: number;
  readonly most_dispatches: number;
  /** 0 to 1; from 0.5 on the doorbell stays silent. */
  readonly notification_queue_usage: number;
}

/**
 * The outbox table, as the worker sees it. All of it may run with `synchronous_commit = off`: a claim or an
 * acknowledgement that a crash of Postgres undoes only makes a change be applied once more.
 */
export class Outbox {
  readonly #db: Queryable;

  constructor(db: Queryable) {
    this.#db = db;
  }

  async claim(limit: number): Promise<ClaimedChange[]> {
    const { rows } = await this.#db.query<ClaimedChange>({
      name: 'outbox_claim',
      text: sql.claim,
      values: [limit, timings.redispatch_ms],
    });
    return rows;
  }

  async release(seqs: readonly number[]): Promise<void> {
    await this.#db.query(sql.release, [seqs]);
  }

  /** @returns false where another incarnation is registered: nothing was acknowledged */
  async acknowledge(seqs: readonly number[], incarnation: string): Promise<boolean> {
    const { rows } = await this.#db.query<{ accepted: boolean }>({
      name: 'outbox_acknowledge',
      text: sql.acknowledge,
      values: [seqs, incarnation],
    });
    return rows[0]?.accepted === true;
  }

  /** @returns how many changes are applied again on account of it */
  async register(incarnation: string): Promise<number> {
    const { rows } = await this.#db.query<{ replayed: number }>(sql.register, [
      incarnation,
      timings.replayWindow_ms,
    ]);
    return rows[0]?.replayed ?? 0;
  }

  async look(): Promise<Look> {
    const { rows } = await this.#db.query<Look>({ name: 'outbox_look', text: sql.look });
    return rows[0] ?? { oldest: null, newest: null };
  }

  /** @returns how many were deleted; call again while it is `limit` */
  async retire(limit: number): Promise<number> {
    const { rowCount } = await this.#db.query(sql.retire, [timings.replayWindow_ms, limit]);
    return rowCount ?? 0;
  }

  async backlog(): Promise<Backlog> {
    const { rows } = await this.#db.query<Backlog>(sql.backlog);
    const [backlog] = rows;
    if (backlog === undefined) throw new Error('an aggregate without a row');
    return backlog;
  }
}
