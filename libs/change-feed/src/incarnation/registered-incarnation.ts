import { loadSql, type Queryable } from '@catalog/database';
import { feedTimings } from '../timings.ts';

const sql = {
  register: loadSql(import.meta.url, './register.sql'),
  replay: loadSql(import.meta.url, './replay.sql'),
  requeueRestored: loadSql(import.meta.url, './requeue-restored.sql'),
  isForgotten: loadSql(import.meta.url, './is-forgotten.sql'),
  mayReplace: loadSql(import.meta.url, './may-replace.sql'),
  noteSeen: loadSql(import.meta.url, './note-seen.sql'),
};

/** Rows that one statement changes: it ends well within the statement timeout. */
const batch = 20_000;

/** The one incarnation of the cache that changes are acknowledged for, as Postgres knows it. */
export class RegisteredIncarnation {
  readonly #db: Queryable;

  /** @param db a pool with `outboxPoolOptions` */
  constructor(db: Queryable) {
    this.#db = db;
  }

  /**
   * Registers an incarnation of the cache. Changes that were applied to other incarnations of shards within the replay window
   * become unapplied.
   *
   * @param ofShards the incarnations of its shards; of a single server, its own
   * @param mapAge of the map of slots of a cluster. A newer map has a higher age
   * @returns how many changes are applied again because of it; undefined when a worker with a newer map has registered
   */
  async register(
    incarnation: string,
    ofShards: readonly string[] = [incarnation],
    mapAge = 0,
  ): Promise<number | undefined> {
    const values = [incarnation, ofShards, mapAge, feedTimings.deserted_ms];
    const { rows } = await this.#db.query<{ registered: boolean }>(sql.register, values);
    if (rows[0]?.registered !== true) return undefined;
    // Also when the incarnation was registered already: that worker may have died before its replay.
    const replayed = await this.#inBatches(sql.replay, [incarnation, feedTimings.replayWindow_ms, ofShards]);
    await this.#inBatches(sql.requeueRestored, []);
    return replayed;
  }

  /**
   * Whether the incarnation of a shard was registered so long ago that the outbox may no longer hold changes that its entries
   * missed. Then all entries must be invalidated before it is registered again.
   */
  async isForgotten(ofShards: readonly string[]): Promise<boolean> {
    // Half of the window, because some time passes between this question and the replay.
    const values = [ofShards, feedTimings.replayWindow_ms / 2];
    const { rows } = await this.#db.query<{ forgotten: boolean }>(sql.isForgotten, values);
    return rows[0]?.forgotten === true;
  }

  /** Whether all workers of the registered incarnation seem to be gone, or it is one of `own`. */
  async mayReplace(...own: readonly string[]): Promise<boolean> {
    const values = [feedTimings.deserted_ms, own];
    const { rows } = await this.#db.query<{ may: boolean }>(sql.mayReplace, values);
    return rows[0]?.may === true;
  }

  /** Notes that a worker of this incarnation is running. */
  async noteSeen(incarnation: string): Promise<void> {
    const values = [incarnation, feedTimings.deserted_ms / 4];
    await this.#db.query({ name: 'outbox_note_seen', text: sql.noteSeen, values });
  }

  /** @param text a statement with the greatest number of rows as its last parameter */
  async #inBatches(text: string, values: readonly unknown[]): Promise<number> {
    for (let count = 0; ;) {
      const { rowCount } = await this.#db.query(text, [...values, batch]);
      count += rowCount ?? 0;
      if ((rowCount ?? 0) < batch) return count;
    }
  }
}
