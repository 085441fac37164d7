import type { Change, ChangeTrace } from '@catalog/contracts';
import { loadSql, type PoolOptions, type Queryable } from '@catalog/database';
import type { SlotPosition } from '../change-slot/landed-times.ts';
import { feedLimits, feedTimings } from '../timings.ts';

const sql = {
  claim: loadSql(import.meta.url, './claim.sql'),
  release: loadSql(import.meta.url, './release.sql'),
  acknowledge: loadSql(import.meta.url, './acknowledge.sql'),
  look: loadSql(import.meta.url, './look.sql'),
  beginEpoch: loadSql(import.meta.url, './begin-epoch.sql'),
  isBeingWritten: loadSql(import.meta.url, './is-being-written.sql'),
  backlog: loadSql(import.meta.url, './backlog.sql'),
};

/** For `createPool`. */
export const outboxPoolOptions = {
  max: 6,
  // A crash of Postgres may undo a claim or an acknowledgement. Then a change is applied once more, which is harmless.
  synchronousCommit: 'off',
  // The table may be empty now and hold a million rows a moment later. A plan made for the first case would scan the whole table.
  sequentialScans: 'off',
  // No statement here gains from a plan for its values, and Postgres would plan anew for each array length.
  plans: 'generic',
} as const satisfies Partial<PoolOptions>;

export interface ClaimedChange extends Change {
  /** How often it has been dispatched, this time included. */
  readonly dispatches: number;
}

/** What identifies a row of the outbox. */
export type OutboxRow = Pick<Change, 'seq' | 'transaction'>;

/** A change whose key has been invalidated and announced. Both times are ages. */
export interface AppliedChange extends Change {
  /** The incarnation of the shard; that of the cache unless given. */
  readonly appliedTo?: string;
  readonly queued_ms: number;
  readonly applied_ms: number;
}

export interface Acknowledgement {
  /** False when another incarnation is registered. Then only changes of shards that it has were acknowledged, or none. */
  readonly accepted: boolean;
  /** How many changes. */
  readonly acknowledged: number;
  /** Of the first acknowledged changes, as many as were wanted. */
  readonly traces: readonly ChangeTrace[];
}

export interface AcknowledgeOptions {
  /** How many traces are wanted; none unless given. */
  readonly maxTraces?: number;
  /** Of the map of slots that the caller knows; 0 for a single server. */
  readonly mapAge?: number;
  /** The incarnations of the shards on which the pages of lists were ended for these changes. */
  readonly listsEndedIn?: readonly string[];
}

/** The oldest and the newest transaction with unapplied changes, by their numbers. */
export interface Look {
  readonly oldest: number | null;
  readonly newest: number | null;
}

export interface RegisteredLook extends Look {
  /** Of Postgres. */
  readonly databaseIncarnation: string;
  /** The last version drawn. */
  readonly lastVersion: number;
  /** The end of the newest range of versions that a restart of Postgres skipped, or 0. */
  readonly lastSkipped: number;
  /** Up to where the write-ahead log is on the disk, in bytes. */
  readonly walPosition: number;
  /** Whether the incarnation in question is the registered one. */
  readonly registered: boolean;
  /** The phases of shards that have taken all changes: of the registered incarnation, whichever that is. */
  readonly settled: readonly string[];
  /** What is neither applied nor waiting: see `SetAsideKeys`. Redis keys, and names of entities. */
  readonly setAside: { readonly keys: readonly string[]; readonly entities: readonly string[] };
  /** Slots of keys that wait for their shard, which was away. No reader may trust such a shard yet. */
  readonly slotsAway: readonly number[];
  /** How far the change slot has landed; null while it is not in use. */
  readonly slot: SlotPosition | null;
}

export interface Backlog {
  readonly unapplied: number;
  readonly oldest_ms: number;
  readonly most_dispatches: number;
  /** 0 to 1; from `feedLimits.notificationQueueUsage` on the doorbell is silent. */
  readonly notification_queue_usage: number;
}

/**
 * The table of changes that are not yet applied to the cache.
 *
 * Each look returns a horizon: where unapplied changes may be from now on. The next looks and claims begin there, so they cost the
 * same even while a snapshot keeps vacuum from removing applied changes from the index. `catalog.outbox_horizon` says why no
 * change can hide before the horizon.
 */
export class Outbox {
  readonly #db: Queryable;
  /** Of the last look. It holds for one incarnation of Postgres; Postgres itself checks its epoch. */
  #horizon: string | null = null;
  #databaseIncarnation: string | undefined;

  /** @param db a pool with `outboxPoolOptions` */
  constructor(db: Queryable) {
    this.#db = db;
  }

  /**
   * @param limit how many of the oldest at most
   * @param newest how many of the newest, in addition
   * @param rung_ms how long ago the doorbell was heard, if the doorbell caused this claim
   * @returns the changes, ordered by their transactions
   */
  async claim(
    limit: number,
    { newest = 0, rung_ms }: { newest?: number; rung_ms?: number | undefined } = {},
  ) {
    const { rows } = await this.#db.query<ClaimedChange>({
      name: 'outbox_claim',
      text: sql.claim,
      values: [limit, feedTimings.redispatch_ms, rung_ms ?? null, newest, this.#horizon],
    });
    return rows.sort((a, b) => a.transaction - b.transaction || a.seq - b.seq);
  }

  /** Gives back changes that could not be dispatched. */
  async release(changes: readonly OutboxRow[]): Promise<void> {
    await this.#db.query(sql.release, [changes.map(({ seq }) => seq), transactionsOf(changes)]);
  }

  /** @param incarnation of the cache, as the caller knows it */
  async acknowledge(
    changes: readonly AppliedChange[],
    incarnation: string,
    { maxTraces = 0, mapAge = 0, listsEndedIn = [] }: AcknowledgeOptions = {},
  ): Promise<Acknowledgement> {
    // All callers lock rows in the same order, so that two of them cannot deadlock.
    const sorted = changes.toSorted((a, b) => a.seq - b.seq);
    const appliedTo = sorted.map((change) => change.appliedTo ?? incarnation);
    const ofShards = [...new Set(appliedTo)];
    const { rows } = await this.#db.query<
      Omit<Acknowledgement, 'traces'> & (Omit<ChangeTrace, 'refreshedAt'> | { seq: null })
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
        sorted.map(({ entity }) => entity),
        sorted.map(({ key }) => key),
        sorted.map(({ version }) => version),
        appliedTo.map((each) => 1 + ofShards.indexOf(each)),
        ofShards,
        mapAge,
        listsEndedIn,
      ],
    });
    const traces: ChangeTrace[] = [];
    for (const { accepted: _accepted, acknowledged: _acknowledged, ...row } of rows) {
      if (row.seq !== null) traces.push({ ...row, refreshedAt: null });
    }
    return { accepted: rows[0]?.accepted === true, acknowledged: rows[0]?.acknowledged ?? 0, traces };
  }

  /** @param incarnation the one that the caller writes to */
  async look(incarnation: string): Promise<RegisteredLook> {
    const { rows } = await this.#db.query<RegisteredLook & { horizon: string | null }>({
      name: 'outbox_look',
      text: sql.look,
      values: [incarnation, this.#horizon, feedLimits.keysSetAside],
    });
    const [row] = rows;
    if (row === undefined) throw new Error('outbox/look.sql answered no row');
    const { horizon, ...look } = row;
    // After a restore the transaction numbers have another meaning, so the next look begins at the beginning.
    this.#horizon = look.databaseIncarnation === this.#databaseIncarnation ? horizon : null;
    this.#databaseIncarnation = look.databaseIncarnation;
    if (horizon === null) await this.#db.query(sql.beginEpoch);
    return look;
  }

  /** Whether an open transaction has changed the outbox. */
  async isBeingWritten(): Promise<boolean> {
    const { rows } = await this.#db.query<{ written: boolean }>({
      name: 'outbox_is_being_written',
      text: sql.isBeingWritten,
    });
    return rows[0]?.written === true;
  }

  async backlog(): Promise<Backlog> {
    const { rows } = await this.#db.query<Backlog>(sql.backlog, [this.#horizon]);
    const [backlog] = rows;
    if (backlog === undefined) throw new Error('outbox/backlog.sql answered no row');
    return backlog;
  }
}

const transactionsOf = (rows: readonly OutboxRow[]): number[] => [
  ...new Set(rows.map(({ transaction }) => transaction)),
];
