import { loadSql, type Queryable } from '@catalog/database';
import { pause } from '@catalog/runtime';
import type { ClaimedChange } from '../outbox/outbox.ts';
import type { Landing } from './landing-queue.ts';

const sql = {
  want: loadSql(import.meta.url, './want.sql'),
  needsHolder: loadSql(import.meta.url, './needs-holder.sql'),
  state: loadSql(import.meta.url, './state.sql'),
  create: loadSql(import.meta.url, './create.sql'),
  beginUse: loadSql(import.meta.url, './begin-use.sql'),
  noteLost: loadSql(import.meta.url, './note-lost.sql'),
  resumeAfterPurge: loadSql(import.meta.url, './resume-after-purge.sql'),
  land: loadSql(import.meta.url, './land.sql'),
  tick: loadSql(import.meta.url, './tick.sql'),
  milestone: loadSql(import.meta.url, './milestone.sql'),
  hasLanded: loadSql(import.meta.url, './has-landed.sql'),
  noteOldWriters: loadSql(import.meta.url, './note-old-writers.sql'),
  endUse: loadSql(import.meta.url, './end-use.sql'),
  summary: loadSql(import.meta.url, './summary.sql'),
};

/** The pause between two questions. Landing takes some milliseconds. */
const askLanded_ms = 10;

/** Where the triggers write changes. */
export type ChangeSource = 'outbox' | 'slot';

/** Positions are in the write-ahead log, in bytes. */
export interface ChangeSlotState {
  readonly wanted: ChangeSource;
  readonly source: ChangeSource;
  /** Whether the slot may hold changes that are not in the outbox. */
  readonly inUse: boolean;
  /** Every change that was committed before this position is in the outbox. Null after a loss, until the cache is purged. */
  readonly landed: number | null;
  readonly name: string;
  readonly exists: boolean;
  /** Why Postgres cannot send the slot any more, in the words of Postgres. */
  readonly lostBy: string | null;
  /** Postgres sends nothing again that was committed before this position. */
  readonly confirmed: number | null;
  /** The process of Postgres that sends the slot. */
  readonly holder: number | null;
}

export interface Tick {
  /** The position of the milestone that the tick has written. */
  readonly milestone: number;
  readonly wanted: ChangeSource;
  readonly source: ChangeSource;
  /** The process of Postgres that sends the slot. */
  readonly holder: number | null;
  /** Whether the transactions are noted that ran when the triggers had turned to the outbox. They may still write to the slot. */
  readonly oldWritersNoted: boolean;
  /** Whether all of them have ended, so that nobody writes to the slot any more. */
  readonly oldWritersEnded: boolean;
}

export interface ChangeSlotSummary {
  readonly wanted: ChangeSource;
  readonly source: ChangeSource;
  readonly inUse: boolean;
  /** The slot was lost, and the cache is not purged yet. */
  readonly isLost: boolean;
  readonly isHeld: boolean;
  /** As in `pg_replication_slots`: `reserved`, `extended`, `unreserved`, `lost`. */
  readonly walStatus: string | null;
  readonly lag_bytes: number;
  readonly lag_s: number;
  readonly retained_bytes: number;
}

/** The state of the change slot in Postgres: the table `catalog.change_slot`, the slot itself, and the changes that land. */
export class ChangeSlot {
  readonly #db: Queryable;

  /** @param db a pool with `outboxPoolOptions` */
  constructor(db: Queryable) {
    this.#db = db;
  }

  /** Makes this source the wanted one. A worker switches to it within seconds. */
  async want(source: ChangeSource): Promise<void> {
    await this.#db.query(sql.want, [source]);
  }

  /** Whether a worker has to read or delete the slot, and none does. */
  async needsHolder(): Promise<boolean> {
    return (await this.#one<{ needsHolder: boolean }>(sql.needsHolder)).needsHolder;
  }

  /** @param session a replication connection that is about to read the slot. It may lead to another server than the pool does */
  async state(session = this.#db): Promise<ChangeSlotState> {
    return first((await session.query<ChangeSlotState>(sql.state)).rows);
  }

  /** Creates the slot, which waits for all running transactions. From then on the slot has every change. */
  async create(session: Queryable): Promise<void> {
    await session.query(sql.create);
  }

  /** @returns false while a session reads the slot */
  async drop(name: string): Promise<boolean> {
    const find = 'select active from pg_replication_slots where slot_name = $1';
    const { rows } = await this.#db.query<{ active: boolean }>(find, [name]);
    if (rows[0]?.active === true) return false;
    if (rows.length > 0) await this.#db.query('select pg_drop_replication_slot($1)', [name]);
    return true;
  }

  /** Call it before the triggers write to the slot. */
  async beginUse(from: number): Promise<void> {
    await this.#db.query(sql.beginUse, [from]);
  }

  /** From now on no look uses the slot. @returns false if the loss was noted before */
  async noteLost(): Promise<boolean> {
    return (await this.#db.query(sql.noteLost)).rowCount === 1;
  }

  /** Call it after a purge: the slot has every change after this position, and the cache holds nothing from before it. */
  async resumeAfterPurge(from: number, incarnation: string): Promise<void> {
    await this.#db.query(sql.resumeAfterPurge, [from, incarnation]);
  }

  /**
   * Writes changes into the outbox, and notes the milestone.
   *
   * @param incarnation of the Postgres from which the changes come
   * @param isDispatched whether the caller dispatches them at once
   * @returns undefined if the incarnation of Postgres has changed: nothing was written
   */
  async land(
    { changes, milestone }: Landing,
    incarnation: string,
    isDispatched: boolean,
  ): Promise<ClaimedChange[] | undefined> {
    const { rows } = await this.#db.query<{ accepted: boolean } & (ClaimedChange | { seq: null })>({
      name: 'change_slot_land',
      text: sql.land,
      values: [
        changes.map(({ entity }) => entity),
        changes.map(({ key }) => key),
        changes.map(({ version }) => version),
        changes.map(({ transaction }) => transaction),
        changes.map(({ committedAt_ms }) => committedAt_ms),
        milestone?.position ?? null,
        milestone?.writtenAt_s ?? null,
        incarnation,
        isDispatched,
      ],
    });
    if (rows[0]?.accepted !== true) return undefined;
    return rows.flatMap(({ accepted: _accepted, ...row }) => (row.seq === null ? [] : [row]));
  }

  /** Writes a milestone into the slot. All earlier landings are then on the disk. */
  async tick(name: string): Promise<Tick> {
    return this.#one<Tick>(sql.tick, [name]);
  }

  /** Lets the triggers write to this source. Statements that already run may still write to the other one. */
  async writeTo(source: ChangeSource): Promise<void> {
    await this.#db.query('select catalog.write_changes_to($1)', [source]);
  }

  /** Call it when the triggers write to the outbox again. Notes the running transactions, which may still write to the slot. */
  async noteOldWriters(): Promise<void> {
    await this.#db.query(sql.noteOldWriters);
  }

  /** Call it when the slot is deleted and all its changes are in the outbox. */
  async endUse(): Promise<void> {
    await this.#db.query(sql.endUse);
  }

  /** Waits until every change that is committed now is in the outbox. @returns false if that takes longer than `patience_ms` */
  async untilLanded(patience_ms: number): Promise<boolean> {
    const { rows } = await this.#db.query<{ milestone: number }>(sql.milestone);
    if (rows[0] === undefined) return true;
    const until_ms = performance.now() + patience_ms;
    while ((await this.#db.query(sql.hasLanded, [rows[0].milestone])).rowCount === 0) {
      if (performance.now() > until_ms) return false;
      await pause(askLanded_ms);
    }
    return true;
  }

  async summary(): Promise<ChangeSlotSummary> {
    return this.#one<ChangeSlotSummary>(sql.summary);
  }

  async #one<Row extends object>(text: string, values: unknown[] = []): Promise<Row> {
    return first((await this.#db.query<Row>(text, values)).rows);
  }
}

function first<Row>([row]: readonly Row[]): Row {
  if (row === undefined) throw new Error('the row of catalog.change_slot is missing');
  return row;
}
