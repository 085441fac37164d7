import type { CacheConnection, InvalidationPublisher } from '@catalog/cache/worker';
import { type Outbox, type RegisteredIncarnation, Watermark } from '@catalog/change-feed';
import { timings } from '@catalog/contracts';
import { type Part, repeat } from '@catalog/runtime';
import type { PostgresWatch } from '../postgres/postgres-watch.ts';
import type { Registration } from '../registration/registration.ts';

interface HeartbeatOptions {
  readonly cache: CacheConnection;
  readonly publisher: Pick<InvalidationPublisher, 'heartbeat'>;
  readonly outbox: Pick<Outbox, 'look'>;
  readonly registered: Pick<RegisteredIncarnation, 'noteSeen'>;
  readonly postgres: Pick<PostgresWatch, 'confirms'>;
  readonly registration: Pick<Registration, 'isRegistered' | 'refused'>;
  readonly onError: (error: unknown) => void;
}

/** Tells the readers, several times within the bound, up to which time every committed change has been applied. */
export class Heartbeat implements Part {
  readonly #options: HeartbeatOptions;
  /** By the clock of the cache Redis. */
  readonly #watermark = new Watermark();
  /** The same by `performance.now`, because the clock of the cache Redis may be set back. */
  readonly #ownWatermark = new Watermark();
  #lastBeat_ms = Number.NEGATIVE_INFINITY;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    // Another server has another clock.
    options.cache.onIncarnation(() => this.#reset());
  }

  /** How long no heartbeat could be sent. */
  get silentFor_ms(): number {
    return performance.now() - this.#lastBeat_ms;
  }

  /** How far the watermark is behind; undefined while none is known in this incarnation. */
  get behind_ms(): number | undefined {
    const { at } = this.#ownWatermark;
    return at === undefined ? undefined : performance.now() - at;
  }

  /** By the clock of the cache Redis; undefined while none is known in this incarnation. */
  get watermark_ms(): number | undefined {
    return this.#watermark.at;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { onError } = this.#options;
    await repeat(() => this.#beat(), { every_ms: timings.heartbeat_ms, signal, onError });
  }

  async #beat(): Promise<void> {
    const { cache, publisher, outbox, postgres, registered, registration } = this.#options;
    if (!registration.isRegistered()) return;
    const incarnation = cache.requireIncarnation();
    // The time comes first: the look then sees whatever was committed before it.
    const ownAt_ms = performance.now();
    const at_ms = await cache.time_ms();
    const look = await outbox.look(incarnation);
    if (!(await postgres.confirms(look))) {
      // The look belongs to another incarnation than the entries.
      this.#reset();
      return;
    }
    if (!look.registered) {
      // Another worker applies the changes to another Redis. The age of ours is unknown.
      this.#reset();
      registration.refused(incarnation);
      return;
    }
    if (cache.incarnation !== incarnation || !registration.isRegistered()) return;
    await registered.noteSeen(incarnation);
    this.#watermark.look(at_ms, look);
    this.#ownWatermark.look(ownAt_ms, look);
    const { watermark_ms, behind_ms } = this;
    if (watermark_ms === undefined) return;
    await publisher.heartbeat(watermark_ms, behind_ms, look.setAside);
    this.#lastBeat_ms = performance.now();
  }

  #reset(): void {
    this.#watermark.reset();
    this.#ownWatermark.reset();
  }
}
