import { CacheConnection, EntryStore, GenerationBumper, InvalidationPublisher } from '@catalog/cache';
import { entities } from '@catalog/contracts';
import { databaseIdentity, type Pool } from '@catalog/database';

interface OutboxRow {
  readonly seq: string;
  readonly entity: string;
  readonly key: string;
  readonly version: string;
}

/**
 * Applies the outbox when the test says so, and only then: with it a test stands between a commit and its
 * invalidation for as long as it likes. It does with the library's parts what the worker does.
 */
export class ChangeApplier {
  readonly #pool: Pool;
  readonly #connection: CacheConnection;
  readonly #store: EntryStore;
  readonly #publisher: InvalidationPublisher;
  readonly #bumper: GenerationBumper;
  #following: Promise<void> | undefined;
  #stopped = false;

  constructor(pool: Pool, cacheRedisUrl: string) {
    this.#pool = pool;
    this.#connection = new CacheConnection({
      url: cacheRedisUrl,
      name: 'change-applier',
      databaseIdentity: () => databaseIdentity(pool),
      // A test that takes Redis away expects errors; what fails is done again at the next turn.
      onError: () => undefined,
    });
    this.#store = new EntryStore(this.#connection);
    this.#publisher = new InvalidationPublisher(this.#connection);
    this.#bumper = new GenerationBumper(this.#connection, () => performance.now());
  }

  async start(): Promise<void> {
    await this.#connection.start();
    this.follow();
  }

  /** Applies what is committed, and says up to when that is. */
  async apply(): Promise<void> {
    const at_ms = await this.#connection.time_ms();
    const { rows } = await this.#pool.query<OutboxRow>(
      'select seq, entity, key, version from catalog.outbox where applied_at is null order by seq',
    );
    const keys = rows.flatMap(({ entity: name, key, version }) => {
      const entity = entities.find((candidate) => candidate.name === name);
      return entity === undefined ? [] : [[entity.cacheKey(key), Number(version)] as const];
    });
    for (const [key, version] of keys) await this.#store.invalidate(key, version);
    if (keys.length > 0) {
      await this.#publisher.publish(keys);
      await this.#bumper.bump('products');
    }
    const seqs = rows.map(({ seq }) => seq);
    await this.#pool.query('update catalog.outbox set applied_at = now() where seq = any ($1)', [seqs]);
    await this.#publisher.heartbeat(at_ms);
  }

  /** Applies whatever comes, until `hold`. */
  follow(): void {
    this.#stopped = false;
    this.#following ??= (async () => {
      while (!this.#stopped) {
        await this.apply().catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
  }

  /** From when this returns nothing is applied, and no heartbeat sent, until `apply` or `follow`. */
  async hold(): Promise<void> {
    this.#stopped = true;
    await this.#following;
    this.#following = undefined;
  }

  /** Heartbeats go on, as of a worker that is alive but sees no end of its backlog. */
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
