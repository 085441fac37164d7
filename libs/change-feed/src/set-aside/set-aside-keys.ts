import { type Change, UNCONDITIONAL_VERSION } from '@catalog/contracts';
import { loadSql, type Queryable } from '@catalog/database';

const sql = {
  setAside: loadSql(import.meta.url, './set-aside.sql'),
  setAsideList: loadSql(import.meta.url, './set-aside-list.sql'),
  noteRefused: loadSql(import.meta.url, './note-refused.sql'),
  takeForRetry: loadSql(import.meta.url, './take-for-retry.sql'),
  release: loadSql(import.meta.url, './release.sql'),
  summary: loadSql(import.meta.url, './summary.sql'),
};

/** A key that the cache Redis refuses to invalidate, with the changes that it was refused for. */
export interface KeySetAside {
  readonly cacheKey: string;
  readonly entity: string;
  readonly key: string;
  readonly reason: string;
  readonly rows: readonly Change[];
  /** Set when no key is to blame, but its shard is away: the slot of the key in the cluster. */
  readonly slot?: number | undefined;
}

/** A list whose generation is on a shard that is away. */
export interface ListSetAside {
  /** Of the generation. */
  readonly cacheKey: string;
  readonly list: string;
  readonly slot: number;
  readonly reason: string;
}

/** A key to be tried again. */
export interface KeyToRetry {
  readonly cacheKey: string;
  readonly version: number;
  /** How many of its changes were refused. */
  readonly changes: number;
  /** Its shard was away. */
  readonly wasAway: boolean;
}

/** A key that Redis has invalidated after all. */
export interface ReleasedKey extends KeyToRetry {
  /** Of the shard that has invalidated it. */
  readonly incarnation: string;
}

export interface SetAsideSummary {
  /** Keys that Redis refuses. */
  readonly count: number;
  /** Keys whose shard was away. */
  readonly away: number;
  /** Some of them, the oldest first. */
  readonly keys: readonly string[];
  /** Why the oldest one was refused. */
  readonly reason: string | null;
}

/**
 * The keys that the cache Redis refuses to invalidate. One such key must not hold back the watermark, because then every read of
 * every key would go to Postgres. One commit counts its changes as applied and writes the key into this table. A look returns
 * the keys of this table together with the unapplied changes, and each heartbeat carries them. Readers trust Redis up to the
 * watermark, except for these keys. A key is released once Redis has invalidated it.
 *
 * The table also holds keys of a shard that is away, with their slots. The worker goes on with the other shards. It sends no
 * heartbeat to a shard that has such a slot, so readers trust none of the shard's keys.
 */
export class SetAsideKeys {
  readonly #db: Queryable;

  /** @param db a pool with `outboxPoolOptions` */
  constructor(db: Queryable) {
    this.#db = db;
  }

  /**
   * Sets keys aside at the highest version of their rows. A key without such an unapplied row in the outbox is not set aside.
   *
   * @param incarnation of the cache, as the caller knows it
   * @param ofShards the incarnations of the shards that the caller knows
   * @param listsEndedIn as in `AcknowledgeOptions`
   * @returns false when another cache is registered: nothing was set aside
   */
  async add(
    keys: readonly KeySetAside[],
    incarnation: string,
    ofShards: readonly string[] = [],
    listsEndedIn: readonly string[] = [],
  ): Promise<boolean> {
    const rows = keys.flatMap((key) => key.rows).sort((a, b) => a.seq - b.seq);
    const { rows: answers } = await this.#db.query<{ accepted: boolean }>(sql.setAside, [
      incarnation,
      keys.map(({ cacheKey }) => cacheKey),
      keys.map(({ entity }) => entity),
      keys.map(({ key }) => key),
      keys.map(({ reason }) => reason),
      rows.map(({ seq }) => seq),
      [...new Set(rows.map(({ transaction }) => transaction))],
      rows.map(({ entity }) => entity),
      rows.map(({ key }) => key),
      rows.map(({ version }) => version),
      keys.map(({ slot }) => slot ?? null),
      ofShards,
      listsEndedIn,
    ]);
    return answers[0]?.accepted === true;
  }

  /** As `add`. */
  async addList(
    { cacheKey, list, slot, reason }: ListSetAside,
    incarnation: string,
    ofShards: readonly string[] = [],
  ): Promise<boolean> {
    const values = [incarnation, cacheKey, list, slot, reason, UNCONDITIONAL_VERSION, ofShards];
    const { rows } = await this.#db.query<{ accepted: boolean }>(sql.setAsideList, values);
    return rows[0]?.accepted === true;
  }

  /**
   * Keys whose last attempt is at least `pause_ms` ago, and keys of shards that are back. Each call takes others.
   *
   * @param slots of shards that are there
   */
  async takeForRetry(pause_ms: number, limit: number, slots: readonly number[] = []): Promise<KeyToRetry[]> {
    const { rows } = await this.#db.query<KeyToRetry>(sql.takeForRetry, [pause_ms, limit, slots]);
    return rows;
  }

  /** Notes keys that Redis refuses although their shard is back. */
  async noteRefused(keys: readonly { readonly cacheKey: string; readonly reason: string }[]): Promise<void> {
    await this.#db.query(sql.noteRefused, [
      keys.map(({ cacheKey }) => cacheKey),
      keys.map(({ reason }) => reason),
    ]);
  }

  /**
   * To be called when Redis has invalidated the keys at their versions.
   *
   * @param incarnation of the cache, as the caller knows it
   * @param mapAge of the map of slots that the caller knows
   * @returns how many were released. A key stays if another incarnation of its shard is registered, or an older map
   */
  async release(keys: readonly ReleasedKey[], incarnation: string, mapAge = 0): Promise<number> {
    const { rowCount } = await this.#db.query(sql.release, [
      keys.map(({ cacheKey }) => cacheKey),
      keys.map(({ changes }) => changes),
      keys.map((key) => key.incarnation),
      incarnation,
      mapAge,
    ]);
    return rowCount ?? 0;
  }

  async summary(named: number): Promise<SetAsideSummary> {
    const { rows } = await this.#db.query<SetAsideSummary>(sql.summary, [named]);
    return rows[0] ?? { count: 0, away: 0, keys: [], reason: null };
  }
}
