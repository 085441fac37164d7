import {
  CacheConnection,
  ChangeInvalidator,
  GenerationBumper,
  InvalidationPublisher,
} from '@catalog/cache/worker';
import { entities } from '@catalog/contracts';
import type { ServicePool } from '@catalog/database';

interface OutboxRow {
  readonly seq: number;
  readonly entity: string;
  readonly key: string;
  readonly version: number;
}

/**
 * Applies the outbox only when the test says so, so that a test can act between a commit and its invalidation. It
 * invalidates with the worker's own parts. Only the feed is left out: no relay, no queue, no registration.
 */
export class ChangeApplier {
  readonly #pool: ServicePool;
  readonly #connection: CacheConnection;
  readonly #publisher: InvalidationPublisher;
  readonly #invalidator: ChangeInvalidator;
  readonly #bumper: GenerationBumper;
  #following: Promise<void> | undefined;
  #stopped = false;
  /** Every change that was committed before this time is applied. */
  #appliedUpTo_ms = Number.NEGATIVE_INFINITY;

  constructor(pool: ServicePool, cacheRedisUrl: string) {
    this.#pool = pool;
    this.#connection = new CacheConnection({
      url: cacheRedisUrl,
      name: 'change-applier',
      database: pool,
      // A test that stops Redis expects errors. The next round applies what failed.
      onError: () => undefined,
    });
    this.#publisher = new InvalidationPublisher(this.#connection);
    this.#invalidator = new ChangeInvalidator(entities, this.#connection, this.#publisher);
    this.#bumper = new GenerationBumper({
      onShard: (_key, call) => call(this.#connection),
      now: () => performance.now(),
      behind_ms: () => performance.now() - this.#appliedUpTo_ms,
    });
  }

  async start(): Promise<void> {
    await this.#connection.start();
    this.follow();
  }

  /** Applies every committed change, then sends a heartbeat with that moment as the watermark. */
  async apply(): Promise<void> {
    const began_ms = performance.now();
    const at_ms = await this.#connection.time_ms();
    const { rows } = await this.#pool.query<OutboxRow>(
      'select seq, entity, key, version from catalog.outbox where applied_at is null order by seq',
    );
    if (rows.length > 0) {
      const { applied, refused, failure, lists } = await this.#invalidator.invalidate(rows);
      const reason = failure ?? refused[0]?.reason;
      if (reason !== undefined) throw reason;
      await Promise.all(lists.map((list) => this.#bumper.bump(list)));
      const seqs = applied.map(({ seq }) => seq);
      await this.#pool.query('update catalog.outbox set applied_at = now() where seq = any ($1)', [seqs]);
    }
    this.#appliedUpTo_ms = began_ms;
    await this.#publisher.heartbeat(at_ms);
  }

  /** Applies changes as they come, until `hold`. */
  follow(): void {
    this.#stopped = false;
    this.#following ??= (async () => {
      while (!this.#stopped) {
        await this.apply().catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
  }

  /** After this returns no change is applied and no heartbeat is sent, until `apply` or `follow`. */
  async hold(): Promise<void> {
    this.#stopped = true;
    await this.#following;
    this.#following = undefined;
  }

  /** Sends heartbeats only, as a worker does that is alive but far behind. */
  async beatWithoutApplying(watermark_ms: number): Promise<void> {
    await this.#publisher.heartbeat(watermark_ms);
  }

  time_ms(): Promise<number> {
    return this.#connection.time_ms();
  }

  async stop(): Promise<void> {
    await this.hold();
    this.#connection.stop();
  }
}
