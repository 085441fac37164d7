import type { Change } from '@catalog/contracts';
import { loadSql, type Pool, type PoolClient, withTransaction } from '@catalog/database';
import { feedLimits, feedTimings } from '../timings.ts';

const sql = {
  begin: loadSql(import.meta.url, './begin.sql'),
  take: loadSql(import.meta.url, './take.sql'),
  noteApplied: loadSql(import.meta.url, './note-applied.sql'),
  setAside: loadSql(import.meta.url, './set-aside.sql'),
  settle: loadSql(import.meta.url, './settle.sql'),
};

/** A change that was applied to another incarnation of its shard, or set aside. */
export interface ReplayedChange extends Change {
  /** Where its row is while the row is locked. */
  readonly place: string;
}

/** A key that Redis refuses. */
interface RefusedReplay {
  readonly cacheKey: string;
  readonly entity: string;
  /** The highest of its changes. */
  readonly version: number;
  readonly reason: Error;
  readonly changes: readonly ReplayedChange[];
}

/** What became of changes. Those that are not named stay as they were. */
export interface Replay {
  /** Each with the incarnation of the shard that has taken it. */
  readonly applied: readonly (ReplayedChange & { readonly appliedTo: string })[];
  readonly refused: readonly RefusedReplay[];
  /** Of the cache, and of its map of slots, as the caller knows them after that. */
  readonly incarnation: string;
  readonly mapAge: number;
}

interface Registered {
  readonly since: string;
  readonly settled: readonly string[];
}

/**
 * One pass through the changes that were applied to former incarnations of shards, or set aside. They have to be applied to the
 * shards that have their keys now: a reader may have filled a new server with an old value before the worker knew of it.
 *
 * The rows stay applied meanwhile, so they hold back no watermark. Instead, a shard gets no heartbeats before it is settled. It is
 * settled after a pass in which no change was left for it. Several workers may make passes at once, and take turns. If one of them
 * crashes, Postgres knows what is left.
 */
export class ReplayPass {
  readonly #db: Pool;
  readonly #incarnation: string;
  readonly #ofShards: readonly string[];
  readonly #since: string;
  /** The phases that were settled before the pass. */
  readonly settled: ReadonlySet<string>;
  /** The place of the last row. */
  #after = '(0,0)';

  private constructor(
    db: Pool,
    incarnation: string,
    ofShards: readonly string[],
    { since, settled }: Registered,
  ) {
    this.#db = db;
    this.#incarnation = incarnation;
    this.#ofShards = ofShards;
    this.#since = since;
    this.settled = new Set(settled);
  }

  /**
   * @param db a pool with `outboxPoolOptions`
   * @param incarnation of the cache
   * @param ofShards the incarnations of its shards
   * @returns undefined while another incarnation is registered
   */
  static async begin(
    db: Pool,
    incarnation: string,
    ofShards: readonly string[] = [incarnation],
  ): Promise<ReplayPass | undefined> {
    const { rows } = await db.query<Registered>(sql.begin, [incarnation]);
    const [registered] = rows;
    return registered === undefined ? undefined : new ReplayPass(db, incarnation, ofShards, registered);
  }

  /**
   * Takes the next changes, and notes what `apply` has done with them.
   *
   * @returns `end` if there are none; `refused` if the shards or the map of the caller do not count by now, so that the pass is void
   */
  next(apply: (changes: readonly ReplayedChange[]) => Promise<Replay>): Promise<'more' | 'end' | 'refused'> {
    return withTransaction(this.#db, async (client) => {
      const { rows } = await client.query<ReplayedChange>(sql.take, [
        feedTimings.replayWindow_ms,
        // A change of an entity that is not cached is acknowledged for the whole cache.
        [...this.#ofShards, this.#incarnation],
        this.#after,
        feedLimits.replayChanges,
      ]);
      const last = rows.at(-1);
      if (last === undefined) return 'end';
      this.#after = last.place;
      return (await note(client, await apply(rows))) ? 'more' : 'refused';
    });
  }

  /**
   * To be called at the end of the pass. Does nothing if another incarnation was registered during the pass.
   *
   * @param phases of the shards for which no change was left
   * @param isOver whether none was left for any shard
   */
  async settle(phases: readonly string[], isOver: boolean): Promise<void> {
    await this.#db.query(sql.settle, [this.#incarnation, this.#since, phases, isOver]);
  }
}

/** @returns false when the shards or the map of the caller do not count */
async function note(client: PoolClient, { applied, refused, incarnation, mapAge }: Replay): Promise<boolean> {
  let noted = 0;
  for (const [appliedTo, changes] of Map.groupBy(applied, (change) => change.appliedTo)) {
    const values = [incarnation, mapAge, appliedTo, placesOf(changes)];
    noted += (await client.query(sql.noteApplied, values)).rowCount ?? 0;
  }
  if (refused.length > 0)
    await client.query(sql.setAside, [
      placesOf(refused.flatMap(({ changes }) => changes)),
      refused.map(({ cacheKey }) => cacheKey),
      refused.map(({ entity }) => entity),
      refused.map(({ version }) => version),
      refused.map(({ reason }) => reason.message),
    ]);
  return noted === applied.length;
}

const placesOf = (changes: readonly ReplayedChange[]): string[] => changes.map(({ place }) => place);
