import { loadSql, type Pool, withTransaction } from '@catalog/database';
import { feedTimings } from '../timings.ts';

const sql = {
  register: loadSql(import.meta.url, './register.sql'),
  replayLock: 'select catalog.acquire_replay_lock()',
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
  readonly #db: Pool;

  /** @param db with `outboxPoolOptions` */
  constructor(db: Pool) {
    this.#db = db;
  }

  /**
   * Registers an incarnation of the cache. Changes that were applied to other incarnations of shards within the replay window
   * become unapplied; of several changes of one key, the newest.
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

  /**
   * @param text a statement that answers how many `rows` it has changed, and how many changes it has `replayed`. Its last parameter
   * is the greatest number of rows
   * @returns how many changes it has replayed
   */
  async #inBatches(text: string, values: readonly unknown[]): Promise<number> {
    for (let count = 0; ;) {
      const { rows, replayed } = await withTransaction(this.#db, async (client) => {
        await client.query(sql.replayLock);
        const answer = await client.query<{ rows: number; replayed: number }>(text, [...values, batch]);
        return answer.rows[0] ?? { rows: 0, replayed: 0 };
      });
      count += replayed;
      if (rows < batch) return count;
    }
  }
}
