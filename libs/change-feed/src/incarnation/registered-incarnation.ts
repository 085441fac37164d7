import { loadSql, type Queryable } from '@catalog/database';
import { feedTimings } from '../timings.ts';

const sql = {
  register: loadSql(import.meta.url, './register.sql'),
  requeueRestored: loadSql(import.meta.url, './requeue-restored.sql'),
  isForgotten: loadSql(import.meta.url, './is-forgotten.sql'),
  mayReplace: loadSql(import.meta.url, './may-replace.sql'),
  noteSeen: loadSql(import.meta.url, './note-seen.sql'),
};

/** Restored rows that one statement changes: it ends well within the statement timeout. */
const batch = 20_000;

/** The one incarnation of the cache that changes are acknowledged for, as Postgres knows it. */
export class RegisteredIncarnation {
  readonly #db: Queryable;

  /** @param db a pool with `outboxPoolOptions` */
  constructor(db: Queryable) {
    this.#db = db;
  }

  /**
   * Registers an incarnation of the cache. Shards with new incarnations are not settled before a `ReplayPass` has replayed changes to
   * them.
   *
   * @param ofShards the incarnations of its shards; of a single server, its own
   * @param mapAge of the map of slots of a cluster. A newer map has a higher age
   * @param phases of the shards, in the order of `ofShards`
   * @returns false when a worker with a newer map has registered
   */
  async register(
    incarnation: string,
    ofShards: readonly string[] = [incarnation],
    mapAge = 0,
    phases: readonly string[] = ofShards,
  ): Promise<boolean> {
    const values = [incarnation, ofShards, mapAge, feedTimings.takeOverAfter_ms, phases];
    const { rows } = await this.#db.query<{ registered: boolean }>(sql.register, values);
    if (rows[0]?.registered !== true) return false;
    await this.#requeueRestored();
    return true;
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
    const values = [feedTimings.takeOverAfter_ms, own];
    const { rows } = await this.#db.query<{ may: boolean }>(sql.mayReplace, values);
    return rows[0]?.may === true;
  }

  /** Notes that a worker of this incarnation is running. */
  async noteSeen(incarnation: string): Promise<void> {
    const values = [incarnation, feedTimings.takeOverAfter_ms / 4];
    await this.#db.query({ name: 'outbox_note_seen', text: sql.noteSeen, values });
  }

  async #requeueRestored(): Promise<void> {
    for (;;) {
      const { rowCount } = await this.#db.query(sql.requeueRestored, [batch]);
      if (rowCount !== batch) return;
    }
  }
}
