import type { WorkerCache, WorkerShard } from '@catalog/cache/worker';
import {
  LandedTimes,
  type Outbox,
  type RegisteredIncarnation,
  type RegisteredLook,
  Watermark,
} from '@catalog/change-feed';
import { timings } from '@catalog/contracts';
import { Flag, type Part, repeat, withDeadline } from '@catalog/runtime';
import type { PostgresWatch } from '../postgres/postgres-watch.ts';
import type { Registration } from '../registration/registration.ts';
import { Watermarks } from './watermarks.ts';

interface HeartbeatOptions {
  readonly cache: WorkerCache;
  readonly outbox: Pick<Outbox, 'look'>;
  readonly registered: Pick<RegisteredIncarnation, 'noteSeen'>;
  readonly postgres: Pick<PostgresWatch, 'confirms'>;
  readonly registration: Pick<Registration, 'refused' | 'isRegistered' | 'onChange'>;
  readonly onError: (error: unknown) => void;
}

/** A shard that is slow must not delay the heartbeats of the others. It is left out. */
const clock_ms = 200;

const late = () => new Error('a shard of the cache Redis does not answer in time');

/** The clock of a shard that is there, and its incarnation and phase at that time. */
interface ShardClock {
  readonly shard: WorkerShard;
  readonly incarnation: string;
  readonly phase: string;
  readonly at_ms: number;
}

/** The time before a look: by `performance.now`, and by the clocks of the shards. */
interface BeatTime {
  readonly own_ms: number;
  readonly clocks: readonly ShardClock[];
}

/**
 * Tells the readers, several times within the bound, up to which time every committed change has been applied.
 *
 * A shard gets heartbeats while its phase is settled in Postgres. When a shard fails over, or slots move between two, the phases of
 * all others stay, and so do their heartbeats, whichever map of slots is registered.
 *
 * The race: a shard stops being settled, because another worker registers a map in which it has another incarnation or other slots.
 * A heartbeat may be on its way then. It tells of a look from before that registration. Each change that this look calls applied was
 * acknowledged before, for a shard that was registered, so the heartbeat is true. Later looks do not call the phase settled.
 */
export class Heartbeat implements Part {
  readonly #options: HeartbeatOptions;
  readonly #isDue = new Flag();
  readonly #landedTimes = new LandedTimes<BeatTime>();
  readonly #watermarks = new Watermarks();
  /** Of the whole cache, by `performance.now`. */
  readonly #watermark = new Watermark();
  #lastBeat_ms = Number.NEGATIVE_INFINITY;
  #setAside: { readonly keys: ReadonlySet<string>; readonly entities: ReadonlySet<string> } = {
    keys: new Set(),
    entities: new Set(),
  };
  #slotsAway: readonly number[] = [];
  #settled: ReadonlySet<string> = new Set();

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    const { cache, registration } = options;
    cache.onIncarnation(() => this.#watermarks.keep(cache.incarnations));
    // While slots move, two workers register by turns, each when a heartbeat has shown that the other one did. So it is never
    // registered at its next heartbeat, but it is now.
    registration.onChange(() => {
      if (registration.isRegistered()) this.#isDue.raise();
    });
  }

  /** How long no heartbeat could be sent. */
  get silentFor_ms(): number {
    return performance.now() - this.#lastBeat_ms;
  }

  /** How far the feed is behind: how long ago the changes may have been committed that are applied now. Undefined at first. */
  get behind_ms(): number | undefined {
    const { at } = this.#watermark;
    return at === undefined ? undefined : performance.now() - at;
  }

  /** Up to which time every shard that is there has all changes, by `performance.now`. Undefined while that is not known. */
  get watermark_ms(): number | undefined {
    const isSettled = ({ phase }: WorkerShard) => phase !== undefined && this.#settled.has(phase);
    return this.#options.cache.present.every(isSettled) ? this.#watermark.at : undefined;
  }

  /** The phases that the last look has called settled. */
  get settled(): ReadonlySet<string> {
    return this.#settled;
  }

  /** Slots whose changes wait for their shard, which is there again. */
  get slotsBack(): readonly number[] {
    const { shards } = this.#options.cache;
    return this.#slotsAway.filter((slot) => shards.ofSlot(slot)?.isThere === true);
  }

  /** Whether readers read the key from Postgres, since Redis refuses to invalidate it. As the last look saw it. */
  isSetAside(entity: string, cacheKey: string): boolean {
    return this.#setAside.keys.has(cacheKey) || this.#setAside.entities.has(entity);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { onError } = this.#options;
    await repeat(() => this.#beat(), { every_ms: timings.heartbeat_ms, wake: this.#isDue, signal, onError });
  }

  async #beat(): Promise<void> {
    const { cache, outbox, postgres, registered, registration, onError } = this.#options;
    const { incarnation } = cache;
    if (incarnation === undefined) return;
    // The time comes first: the look then sees whatever was committed before it.
    const ownAt_ms = performance.now();
    const clocks = await this.#clocks();
    const look = await outbox.look(incarnation);
    if (!(await postgres.confirms(look))) {
      // The look belongs to another incarnation than the entries.
      this.#reset();
      return;
    }
    if (look.registered) await registered.noteSeen(incarnation);
    // Another worker applies the changes to another Redis, or has another map of this cluster.
    else registration.refused(incarnation);
    this.#settled = new Set(look.settled);
    // Together with the watermark: it may pass the changes of a key only when the key is known to be set aside.
    this.#setAside = { keys: new Set(look.setAside.keys), entities: new Set(look.setAside.entities) };
    this.#slotsAway = look.slotsAway;
    const landed = this.#landedTimes.look({ own_ms: ownAt_ms, clocks }, look.slot);
    if (landed !== undefined) this.#noteApplied(landed, look);
    const sent = await Promise.allSettled(clocks.map((clock) => this.#send(clock, look)));
    if (sent.some((each) => each.status === 'fulfilled' && each.value)) this.#lastBeat_ms = performance.now();
    for (const each of sent) if (each.status === 'rejected') onError(each.reason);
  }

  /** @param time up to which every change is in the outbox */
  #noteApplied({ own_ms, clocks }: BeatTime, look: RegisteredLook): void {
    const current = clocks.filter(({ incarnation }) =>
      this.#options.cache.incarnations.includes(incarnation),
    );
    this.#watermark.look(own_ms, look);
    this.#watermarks.look(new Map(current.map((clock) => [clock.incarnation, clock.at_ms])), own_ms, look);
  }

  /** @throws the failure of a single server; of a cluster, the shards that answer in time are enough */
  async #clocks(): Promise<ShardClock[]> {
    const { cache } = this.#options;
    const clockOf = async (shard: WorkerShard): Promise<ShardClock[]> => {
      const { incarnation } = shard.connection;
      const { phase } = shard;
      if (incarnation === undefined || phase === undefined) return [];
      const at_ms = await shard.connection.time_ms();
      return shard.connection.incarnation === incarnation ? [{ shard, incarnation, phase, at_ms }] : [];
    };
    const [only] = cache.present;
    if (cache.shards.isSingle) return only === undefined ? [] : clockOf(only);
    const clocks = await Promise.allSettled(
      cache.present.map((shard) => withDeadline(() => clockOf(shard), { after_ms: clock_ms, late })),
    );
    return clocks.flatMap((clock) => (clock.status === 'fulfilled' ? clock.value : []));
  }

  /** @returns whether the shard got a heartbeat. It gets none before it is settled, and while changes of its keys wait for it. */
  async #send({ shard, incarnation, phase }: ShardClock, look: RegisteredLook): Promise<boolean> {
    const watermark = this.#watermarks.of(incarnation);
    const { shards } = this.#options.cache;
    const isSettled = look.settled.includes(phase) && shard.phase === phase;
    const isWaitedFor = look.slotsAway.some((slot) => shards.ofSlot(slot) === shard);
    if (watermark === undefined || !isSettled || isWaitedFor) return false;
    const beat = () =>
      shard.publisher.heartbeat(watermark.at_ms, performance.now() - watermark.ownAt_ms, look.setAside);
    await (shards.isSingle ? beat() : withDeadline(beat, { after_ms: clock_ms, late }));
    return true;
  }

  #reset(): void {
    this.#landedTimes.reset();
    this.#watermark.reset();
    this.#watermarks.reset();
  }
}
