import { loadSql, type Queryable } from '@catalog/database';
import { pause } from '@catalog/runtime';
import type { ClaimedChange } from '../outbox/outbox.ts';
import type { Landing } from './landing-queue.ts';

const sql = {
  want: loadSql(import.meta.url, './want.sql'),
  isFree: loadSql(import.meta.url, './is-free.sql'),
  state: loadSql(import.meta.url, './state.sql'),
  create: loadSql(import.meta.url, './create.sql'),
  beginUse: loadSql(import.meta.url, './begin-use.sql'),
  noteLost: loadSql(import.meta.url, './note-lost.sql'),
  goOn: loadSql(import.meta.url, './go-on.sql'),
  land: loadSql(import.meta.url, './land.sql'),
  tick: loadSql(import.meta.url, './tick.sql'),
  milestone: loadSql(import.meta.url, './milestone.sql'),
  hasLanded: loadSql(import.meta.url, './has-landed.sql'),
  leave: loadSql(import.meta.url, './leave.sql'),
  endUse: loadSql(import.meta.url, './end-use.sql'),
  summary: loadSql(import.meta.url, './summary.sql'),
};

/** Landing takes some milliseconds. */
const askLanded_ms = 10;

/** Where the triggers write changes to. */
export type ChangeSource = 'outbox' | 'slot';

/** All positions are those in the write-ahead log, in bytes. */
export interface ChangeSlotState {
  readonly wanted: ChangeSource;
  readonly source: ChangeSource;
  /** Whether the slot may hold changes that are not in the outbox. */
  readonly inUse: boolean;
  /** Every change that was committed before is in the outbox. Null while that is known of none. */
  readonly landed: number | null;
  readonly name: string;
  readonly exists: boolean;
  /** Why Postgres cannot go on with it, in the words of Postgres. */
  readonly lostBy: string | null;
  /** Postgres sends nothing again that was committed before. */
  readonly confirmed: number | null;
  /** The process of Postgres that sends it. */
  readonly holder: number | null;
}

export interface Tick {
  /** The position of the milestone that the tick has written. */
  readonly milestone: number;
  readonly wanted: ChangeSource;
  readonly source: ChangeSource;
  /** The process of Postgres that sends the slot. */
  readonly holder: number | null;
  /** Whether the transactions are known that ran when the triggers had left the slot. */
  readonly hasLeft: boolean;
  /** Whether all of them have ended, so that nobody writes to the slot any more. */
  readonly isLeft: boolean;
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

/** What Postgres knows about the change slot: the table `catalog.change_slot`, the slot itself, and the changes that it lands. */
export class ChangeSlot {
  readonly #db: Queryable;

  /** @param db a pool with `outboxPoolOptions` */
  constructor(db: Queryable) {
    this.#db = db;
  }

  /** Says which source is wanted. A worker brings it about, within seconds. */
  async want(source: ChangeSource): Promise<void> {
    await this.#db.query(sql.want, [source]);
  }

  /** Whether somebody has to read the slot, or to delete it, and nobody does. */
  async isFree(): Promise<boolean> {
    return (await this.#one<{ free: boolean }>(sql.isFree)).free;
  }

  /** @param session a replication connection that is about to read the slot: it may be on another server than the pool */
  async state(session = this.#db): Promise<ChangeSlotState> {
    return first((await session.query<ChangeSlotState>(sql.state)).rows);
  }

  /** Creates the slot, which takes as long as the oldest transaction that runs. From then on it has every change. */
  async create(session: Queryable): Promise<void> {
    await session.query(sql.create);
  }

  /** @returns false while somebody reads it */
  async drop(name: string): Promise<boolean> {
    const find = 'select active from pg_replication_slots where slot_name = $1';
    const { rows } = await this.#db.query<{ active: boolean }>(find, [name]);
    if (rows[0]?.active === true) return false;
    if (rows.length > 0) await this.#db.query('select pg_drop_replication_slot($1)', [name]);
    return true;
  }

  /** To be called before the triggers write to the slot. */
  async beginUse(from: number): Promise<void> {
    await this.#db.query(sql.beginUse, [from]);
  }

  /** From now on no look goes by the slot. @returns whether that is new */
  async noteLost(): Promise<boolean> {
    return (await this.#db.query(sql.noteLost)).rowCount === 1;
  }

  /** To be called when nothing in the cache is older than what the slot has from this position on. */
  async goOn(from: number, incarnation: string): Promise<void> {
    await this.#db.query(sql.goOn, [from, incarnation]);
  }

  /**
   * Writes changes into the outbox, and notes the milestone.
   *
   * @param incarnation of the Postgres that they come from
   * @param isDispatched whether the caller dispatches them at once
   * @returns undefined when Postgres is in another incarnation: nothing was written
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

  /** Writes a milestone into the slot. Everything that was landed before is then on the disk. */
  async tick(name: string): Promise<Tick> {
    return this.#one<Tick>(sql.tick, [name]);
  }

  /** Lets the triggers write to this source. Statements that run may still write to the other one. */
  async writeTo(source: ChangeSource): Promise<void> {
    await this.#db.query('select catalog.write_changes_to($1)', [source]);
  }

  /** To be called when the triggers write to the outbox again: notes the transactions that may not know it yet. */
  async leave(): Promise<void> {
    await this.#db.query(sql.leave);
  }

  /** To be called when the slot is deleted, and everything that it held is in the outbox. */
  async endUse(): Promise<void> {
    await this.#db.query(sql.endUse);
  }

  /** Waits until every change that is committed by now is in the outbox. @returns false if that takes longer */
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
