import { type Change, type ChangeTrace, timings } from '@catalog/contracts';
import { loadSql, type PoolOptions, type Queryable } from '@catalog/database';

const sql = {
  claim: loadSql(import.meta.url, './claim.sql'),
  release: loadSql(import.meta.url, './release.sql'),
  acknowledge: loadSql(import.meta.url, './acknowledge.sql'),
  register: loadSql(import.meta.url, './register.sql'),
  isForgotten: loadSql(import.meta.url, './is-forgotten.sql'),
  seen: loadSql(import.meta.url, './seen.sql'),
  isDeserted: loadSql(import.meta.url, './is-deserted.sql'),
  replay: loadSql(import.meta.url, './replay.sql'),
  adopt: loadSql(import.meta.url, './adopt.sql'),
  look: loadSql(import.meta.url, './look.sql'),
  isBeingWritten: loadSql(import.meta.url, './is-being-written.sql'),
  retire: loadSql(import.meta.url, './retire.sql'),
  backlog: loadSql(import.meta.url, './backlog.sql'),
  traces: loadSql(import.meta.url, './traces.sql'),
  refreshed: loadSql(import.meta.url, './refreshed.sql'),
  retireRefreshed: loadSql(import.meta.url, './retire-refreshed.sql'),
};

/** For `createPool`. */
export const outboxPoolOptions = {
  max: 6,
  // A claim or an acknowledgement that a crash of Postgres undoes only makes a change be applied once more.
  synchronousCommit: 'off',
  // Empty now, a million rows a moment later: a plan made for the one read all of the table for each row of the other.
  sequentialScans: 'off',
  // No statement here gains from a plan for its values; each would be planned anew for the length of its arrays.
  plans: 'generic',
} as const satisfies Partial<PoolOptions>;

export interface ClaimedChange extends Change {
  /** How often it has been dispatched, this time included. */
  readonly dispatches: number;
}

/** What a row of the outbox is found by. */
export type OutboxRow = Pick<Change, 'seq' | 'transaction'>;

/** A change whose key has been invalidated and announced. */
export interface AppliedChange extends OutboxRow {
  /** How long ago its job was queued. */
  readonly queued_ms: number;
  readonly applied_ms: number;
}

export interface Acknowledgement {
  /** False where another incarnation is registered: nothing was acknowledged. */
  readonly accepted: boolean;
  /** Of the first changes acknowledged, as many as were asked for. */
  readonly traces: readonly ChangeTrace[];
}

/** Transactions, by their numbers. */
export interface Look {
  readonly oldest: number | null;
  readonly newest: number | null;
}

export interface RegisteredLook extends Look {
  /** Whether what counts as applied was applied to the incarnation that was asked about. */
  readonly registered: boolean;
}

export interface Backlog {
  readonly unapplied: number;
  readonly oldest_ms: number;
  readonly most_dispatches: number;
  /** 0 to 1; from 0.5 on the doorbell stays silent. */
  readonly notification_queue_usage: number;
}

const part = 20_000;

/** The outbox table, as the worker sees it. */
export class Outbox {
  readonly #db: Queryable;

  /** @param db best a pool with `outboxPoolOptions` */
  constructor(db: Queryable) {
    this.#db = db;
  }

  /**
   * @param limit how many of the oldest transactions at most
   * @param newest how many of the newest, besides
   * @param rung_ms how long ago the doorbell was heard that led here, if one was
   * @returns them by their transactions
   */
  async claim(
    limit: number,
    { newest = 0, rung_ms }: { newest?: number; rung_ms?: number | undefined } = {},
  ) {
    const { rows } = await this.#db.query<ClaimedChange>({
      name: 'outbox_claim',
      text: sql.claim,
      values: [limit, timings.redispatch_ms, rung_ms ?? null, newest],
    });
    return rows.sort((a, b) => a.transaction - b.transaction || a.seq - b.seq);
  }

  async release(changes: readonly OutboxRow[]): Promise<void> {
    await this.#db.query(sql.release, [changes.map(({ seq }) => seq), transactionsOf(changes)]);
  }

  /** @param incarnation the life of the cache that all of them were applied to */
  async acknowledge(
    changes: readonly AppliedChange[],
    incarnation: string,
    maxTraces = 0,
  ): Promise<Acknowledgement> {
    // In one order everywhere, so that two of them wait for each other's rows, never in a circle.
    const sorted = changes.toSorted((a, b) => a.seq - b.seq);
    const { rows } = await this.#db.query<
      { accepted: boolean } & (Omit<ChangeTrace, 'refreshedAt'> | { seq: null })
    >({
      name: 'outbox_acknowledge',
      text: sql.acknowledge,
      values: [
        sorted.map(({ seq }) => seq),
        sorted.map(({ queued_ms }) => queued_ms),
        sorted.map(({ applied_ms }) => applied_ms),
        incarnation,
        maxTraces,
        transactionsOf(sorted),
      ],
    });
    const traces: ChangeTrace[] = [];
    for (const { accepted: _accepted, ...row } of rows) {
      if (row.seq !== null) traces.push({ ...row, refreshedAt: null });
    }
    return { accepted: rows[0]?.accepted === true, traces };
  }

  /**
   * Whether an incarnation that is to be registered was registered before, so long ago that what its entries have missed
   * may no longer be in the outbox: all of them have to be invalidated first.
   */
  async isForgotten(incarnation: string): Promise<boolean> {
    // Half of the window: from here to the replay some time goes by.
    const values = [incarnation, timings.replayWindow_ms / 2];
    const { rows } = await this.#db.query<{ forgotten: boolean }>(sql.isForgotten, values);
    return rows[0]?.forgotten === true;
  }

  /** Notes that a worker of this incarnation is there. */
  async noteSeen(incarnation: string): Promise<void> {
    await this.#db.query({
      name: 'outbox_seen',
      text: sql.seen,
      values: [incarnation, timings.deserted_ms / 4],
    });
  }

  /** Whether all workers of the registered incarnation seem to be gone. */
  async isDeserted(): Promise<boolean> {
    const { rows } = await this.#db.query<{ deserted: boolean }>(sql.isDeserted, [timings.deserted_ms]);
    return rows[0]?.deserted === true;
  }

  /**
   * Makes an incarnation the one that changes count as applied to, and what was applied to others lately unapplied.
   *
   * @returns how many changes are applied again on account of it
   */
  async register(incarnation: string): Promise<number> {
    await this.#db.query(sql.register, [incarnation]);
    // In any case: whoever registered it may have died before this.
    const replayed = await this.#inParts(sql.replay, [incarnation, timings.replayWindow_ms]);
    await this.#inParts(sql.adopt, []);
    return replayed;
  }

  /** Each part well within a statement's time. @param text takes, after its values, how many rows at most */
  async #inParts(text: string, values: readonly unknown[]): Promise<number> {
    for (let count = 0; ;) {
      const { rowCount } = await this.#db.query(text, [...values, part]);
      count += rowCount ?? 0;
      if ((rowCount ?? 0) < part) return count;
    }
  }

  /** @param incarnation that the caller writes to */
  async look(incarnation: string): Promise<RegisteredLook> {
    const { rows } = await this.#db.query<RegisteredLook>({
      name: 'outbox_look',
      text: sql.look,
      values: [incarnation],
    });
    const [look] = rows;
    if (look === undefined) throw new Error('a select without a table and without a row');
    return look;
  }

  /** Whether a transaction has changed the outbox and not ended. */
  async isBeingWritten(): Promise<boolean> {
    const { rows } = await this.#db.query<{ written: boolean }>({
      name: 'outbox_is_being_written',
      text: sql.isBeingWritten,
    });
    return rows[0]?.written === true;
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

  /** The recent changes of one key, the newest first. Reads the whole outbox: for people. */
  async traces(entity: string, key: string, limit: number): Promise<ChangeTrace[]> {
    const { rows } = await this.#db.query<ChangeTrace>(sql.traces, [entity, key, limit]);
    return rows;
  }

  /** Notes that the keys of these changes have been filled again. */
  async noteRefreshed(seqs: readonly number[]): Promise<{ seq: number; refreshedAt: string }[]> {
    const { rows } = await this.#db.query<{ seq: number; refreshedAt: string }>(sql.refreshed, [seqs]);
    return rows;
  }

  async retireRefreshed(): Promise<void> {
    await this.#db.query(sql.retireRefreshed, [timings.replayWindow_ms]);
  }
}

const transactionsOf = (rows: readonly OutboxRow[]): number[] => [
  ...new Set(rows.map(({ transaction }) => transaction)),
];
