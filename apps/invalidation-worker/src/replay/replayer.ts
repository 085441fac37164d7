import type { ChangeInvalidator, WorkerCache } from '@catalog/cache/worker';
import { type Replay, type ReplayedChange, ReplayPass, type RefreshJob } from '@catalog/change-feed';
import { type Change, timings } from '@catalog/contracts';
import type { Pool } from '@catalog/database';
import { Flag, type Part } from '@catalog/runtime';
import type { Logger } from '@catalog/service-kit';
import { toRefresh } from '../feed/apply-changes.ts';
import type { Registration } from '../registration/registration.ts';

/** A shard that takes no changes at this moment is tried again after this. Each pass reads the whole outbox. */
const again_ms = 1_000;

interface ReplayerOptions {
  /** With `outboxPoolOptions`. */
  readonly db: Pool;
  readonly cache: Pick<WorkerCache, 'incarnation' | 'incarnations' | 'mapAge' | 'present' | 'shards'>;
  readonly registration: Pick<Registration, 'isRegistered' | 'onChange'>;
  readonly changeInvalidator: ChangeInvalidator;
  /** The phases that the last look has called settled. */
  readonly settled: () => ReadonlySet<string>;
  /** Ends the pages of all lists. Where their shard is away, they end before it gets heartbeats. */
  readonly endLists: (incarnation: string) => Promise<void>;
  readonly onApplied: (changes: readonly Change[]) => void;
  readonly refresh: (keys: RefreshJob['keys']) => void;
  readonly onReplayed: (changes: number) => void;
  readonly log: Pick<Logger, 'info'>;
  readonly onError: (error: unknown) => void;
}

/** What a pass has found. */
interface Found {
  /** Changes that shards have taken. */
  applied: number;
  /** Changes that wait for their shard, which is away. */
  left: number;
  /** The incarnations of the shards of all these. */
  readonly shards: Set<string>;
}

/**
 * Replays changes to shards that are there and not settled, until a pass finds none that is left for them. Then it notes that they
 * are settled. `ReplayPass` says why. All workers do this, so it goes on when one of them stops.
 *
 * The other shards take their changes, and get their heartbeats, meanwhile. A change of a key that another shard has by now is
 * applied there, too: `register.sql` names the race.
 */
export class Replayer implements Part {
  readonly #options: ReplayerOptions;
  readonly #due = new Flag();

  constructor(options: ReplayerOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { registration, onError } = this.#options;
    const stopFollowing = registration.onChange(() => this.#due.raise());
    try {
      while (!signal.aborted) {
        this.#due.lower();
        let isDone = false;
        try {
          isDone = await this.#settleShards(signal);
        } catch (error) {
          onError(error);
        }
        await this.#due.wait(signal, isDone ? timings.heartbeat_ms : again_ms);
      }
    } finally {
      stopFollowing();
    }
  }

  /** @returns false when a shard takes no changes at this moment */
  async #settleShards(signal: AbortSignal): Promise<boolean> {
    const { db, cache, registration, settled, endLists, log } = this.#options;
    for (let replayed = 0; !signal.aborted && registration.isRegistered();) {
      // All of one moment: phases of another map must not be settled under this incarnation.
      const { incarnation, incarnations } = cache;
      const before = settled();
      const unsettled = phasesOf(cache).filter(({ phase }) => !before.has(phase));
      if (incarnation === undefined || unsettled.length === 0) return true;
      const pass = await ReplayPass.begin(db, incarnation, incarnations);
      const shards = unsettled.filter(({ phase }) => pass?.settled.has(phase) === false);
      if (pass === undefined || shards.length === 0) return true;
      const found = await this.#walk(pass, signal);
      if (found === undefined) return true;
      replayed += found.applied;
      const ready = shards.filter((shard) => !found.shards.has(shard.incarnation));
      if (ready.length > 0) {
        await endLists(incarnation);
        // A shard may have another server by now. Then the pages were ended on the former one, and the new one must not be settled.
        if (cache.incarnation !== incarnation) return true;
        await pass.settle(
          ready.map(({ phase }) => phase),
          found.applied + found.left === 0,
        );
        if (replayed > 0)
          log.info({ changes: replayed }, 'recent changes were applied again to servers of the cache');
      }
      if (found.applied === 0) return ready.length === shards.length;
    }
    return true;
  }

  /** @returns undefined when the pass is void */
  async #walk(pass: ReplayPass, signal: AbortSignal): Promise<Found | undefined> {
    const found: Found = { applied: 0, left: 0, shards: new Set() };
    for (;;) {
      const step = await pass.next((changes) => this.#apply(changes, found));
      if (step === 'end') return found;
      if (step === 'refused' || signal.aborted) return undefined;
    }
  }

  async #apply(changes: readonly ReplayedChange[], found: Found): Promise<Replay> {
    const { cache, changeInvalidator, onApplied, refresh, onReplayed } = this.#options;
    const { applied, refused, failure, inUse } = await changeInvalidator.invalidate(changes);
    if (failure !== undefined) throw failure;
    onApplied(changes);
    if (inUse.length > 0) refresh(toRefresh(inUse));
    onReplayed(applied.length);
    found.applied += applied.length;
    for (const { appliedTo } of applied) found.shards.add(appliedTo);
    for (const { slot, changes: waiting } of refused) {
      if (slot === undefined) continue;
      found.left += waiting.length;
      const incarnation = cache.shards.ofSlot(slot)?.lastIncarnation;
      if (incarnation !== undefined) found.shards.add(incarnation);
    }
    return {
      applied,
      // Those without a slot: no shard that is away is to blame. They are set aside before readers trust the shard.
      refused: refused.filter(({ slot }) => slot === undefined),
      incarnation: cache.incarnation ?? '',
      mapAge: cache.mapAge,
    };
  }
}

/** Of the shards that are there. */
const phasesOf = ({ present }: Pick<WorkerCache, 'present'>) =>
  present.flatMap(({ phase, lastIncarnation: incarnation }) =>
    phase === undefined || incarnation === undefined ? [] : [{ phase, incarnation }],
  );
