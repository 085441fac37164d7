import type { RegisteredLook } from '@catalog/change-feed';
import { UNCONDITIONAL_VERSION } from '@catalog/contracts';
import type { ServicePool } from '@catalog/database';
import { defineScript, runScript } from '@catalog/redis';
import { type Part, repeat } from '@catalog/runtime';
import type { Logger } from '@catalog/service-kit';
import type { Redis } from 'ioredis';

/** Also named in the ACL of the state Redis. */
const KEY = 'postgres:highest';
const keepHighest = defineScript<[version: string, incarnation: string, wal: string]>(
  import.meta.url,
  './keep-highest.lua',
);

/** A restart of the workers forgets at most what was applied in this time. */
const save_ms = 1_000;
/** A session that stays on a server which everybody else has left is noticed after this time. */
const askAnew_ms = 2_000;
/** Entries of an earlier incarnation do not count. So one incarnation is enough for all that were stored before it. */
const betweenEntries_ms = 600_000;

interface PostgresWatchOptions {
  /** The state Redis. */
  readonly redis: Redis;
  readonly pool: Pick<ServicePool, 'currentIncarnation' | 'onIncarnation'>;
  /** Each pool learns of another incarnation by itself. */
  readonly outboxPool: Pick<ServicePool, 'currentIncarnation'>;
  /** The cache connection. */
  readonly cache: {
    readonly databaseIncarnation: string | undefined;
    relearn(): Promise<void>;
  };
  /** As `beginIncarnation` of `@catalog/database`. */
  readonly beginIncarnation: (seenVersion: number, incarnation: string) => Promise<boolean>;
  /** As `wasNeverDrawn` of `@catalog/database`. */
  readonly wasNeverDrawn: (version: number) => Promise<boolean>;
  /** Postgres is in another incarnation: on another server or timeline, or it went back on the same one. */
  readonly onIncarnation: (timeline: 'other' | 'same') => void;
  readonly log: Pick<Logger, 'warn' | 'error'>;
  readonly onError: (error: unknown) => void;
}

/** What a look says about Postgres. */
type Position = Pick<RegisteredLook, 'databaseIncarnation' | 'lastVersion' | 'lastSkipped' | 'walPosition'>;

/**
 * Notices that Postgres went back to an earlier state.
 *
 * A failover or a restore to a point in time starts a new timeline, so that the first new session begins another incarnation.
 * A restore from a disk snapshot does not. Two values that are kept outside of Postgres show it: the highest version ever
 * applied to the cache, and the highest WAL position that was safe on the disk of Postgres. After a mere crash, Postgres is not
 * below either of them. After a restart, Postgres has skipped versions; if the highest version is among those, it was lost.
 */
export class PostgresWatch implements Part {
  readonly #options: PostgresWatchOptions;
  #applied = 0;
  #version = 0;
  #wal = { incarnation: '', position: 0 };
  #isLoaded = false;
  #begunForEntry_ms = Number.NEGATIVE_INFINITY;
  /** The highest version is known not to be in a gap that ends here or earlier. */
  #checkedSkipped = 0;

  constructor(options: PostgresWatchOptions) {
    this.#options = options;
    options.pool.onIncarnation(({ facts, incarnation }, before) => {
      const timeline = facts === before.facts ? 'same' : 'other';
      options.onIncarnation(timeline);
      options.log.warn(
        { incarnation, facts, before: before.facts },
        `Postgres went back, or may have: it is in another incarnation, on ${timeline === 'same' ? 'the same' : 'another'} timeline`,
      );
    });
  }

  /** These changes have been applied to the cache. */
  noteApplied(changes: Iterable<{ readonly version: number }>): void {
    for (const { version } of changes) {
      if (version < UNCONDITIONAL_VERSION && version > this.#applied) this.#applied = version;
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    const { onError, pool, outboxPool } = this.#options;
    await Promise.all([
      repeat(() => this.save(), { every_ms: save_ms, signal, onError }),
      ...[pool, outboxPool].map((each) =>
        repeat(() => each.currentIncarnation(), { every_ms: askAnew_ms, signal, onError }),
      ),
    ]);
    await this.save().catch(onError);
  }

  /** Loads the values that any worker has kept, also before a restart of this one. Keeps the higher ones. */
  async save(): Promise<void> {
    const { incarnation, position } = this.#wal;
    const kept = await runScript(
      this.#options.redis,
      keepHighest,
      [KEY],
      [this.#version, incarnation, position],
    );
    this.#version = Math.max(this.#version, Number(kept[0]));
    this.#noteWal(kept[1], Number(kept[2]));
    this.#isLoaded = true;
  }

  /**
   * Compares a look with what this worker knows.
   *
   * @returns whether the look may count: Postgres is where it was, or further, in the incarnation that the cache knows
   */
  async confirms(look: Position): Promise<boolean> {
    const { cache, beginIncarnation, log } = this.#options;
    // Without the kept version a restored Postgres would pass.
    if (!this.#isLoaded) await this.save();
    const { databaseIncarnation, lastVersion, walPosition } = look;
    const known = cache.databaseIncarnation;
    if (await this.#wentBack(look)) {
      const details = { incarnation: databaseIncarnation, lastVersion, walPosition };
      const highest = { appliedVersion: this.#version, seenWalPosition: this.#wal.position };
      // Another worker may be first.
      if (await beginIncarnation(this.#version, databaseIncarnation)) {
        log.error({ ...details, ...highest }, 'Postgres went back to an earlier state on the same timeline');
      }
      await cache.relearn();
      return false;
    }
    if (databaseIncarnation !== known) {
      await cache.relearn();
      return false;
    }
    // Anyone who may write the outbox can write a version that was never drawn. It must not look like a restore.
    if (this.#applied > look.lastSkipped)
      this.#version = Math.max(this.#version, Math.min(this.#applied, lastVersion));
    this.#noteWal(databaseIncarnation, walPosition);
    return true;
  }

  /**
   * The auditor has found this version in the cache, and an older one in Postgres. If Postgres has never drawn the version,
   * Postgres went back, and another incarnation begins. Somebody who may write to the cache can also have written the
   * version: so it does not begin one after the other, and none for a version that Postgres cannot have drawn.
   */
  async noteEntryBeyond(version: number): Promise<void> {
    const { pool, cache, beginIncarnation, wasNeverDrawn, log } = this.#options;
    const incarnation = await pool.currentIncarnation();
    if (version >= UNCONDITIONAL_VERSION || !(await wasNeverDrawn(version))) return;
    const now_ms = performance.now();
    const mayBegin = now_ms - this.#begunForEntry_ms >= betweenEntries_ms;
    if (mayBegin && (await beginIncarnation(version, incarnation))) {
      this.#begunForEntry_ms = now_ms;
      log.error(
        { incarnation, version },
        'the cache holds a version that Postgres never drew: Postgres went back',
      );
    } else
      log.error(
        { incarnation, version },
        'the cache holds a version that Postgres never drew, and no incarnation begins for it: another worker was first, or somebody wrote the entry',
      );
    await cache.relearn();
  }

  async #wentBack({
    databaseIncarnation,
    lastVersion,
    lastSkipped,
    walPosition,
  }: Position): Promise<boolean> {
    const { incarnation, position } = this.#wal;
    if (lastVersion < this.#version || (databaseIncarnation === incarnation && walPosition < position))
      return true;
    if (lastSkipped === this.#checkedSkipped) return false;
    if (await this.#options.wasNeverDrawn(this.#version)) return true;
    this.#checkedSkipped = lastSkipped;
    return false;
  }

  #noteWal(incarnation: string, position: number): void {
    if (incarnation === '') return;
    if (incarnation !== this.#wal.incarnation) this.#wal = { incarnation, position };
    else this.#wal.position = Math.max(this.#wal.position, position);
  }
}
