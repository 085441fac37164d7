import type { AppliedTo, ChangeInvalidator, KeyInUse, RefusedKey, WorkerCache } from '@catalog/cache/worker';
import type { Acknowledgement, AppliedChange, Outbox, RefreshJob } from '@catalog/change-feed';
import type { Change } from '@catalog/contracts';
import { Flag, type Part, pause } from '@catalog/runtime';

export interface Applied {
  /** Each with the incarnation of the shard that it was applied to. */
  readonly changes: readonly AppliedTo<Change>[];
  /** Lists whose cached pages may no longer be right. */
  readonly lists: readonly string[];
  /** By `performance.now`. */
  readonly appliedAt_ms: number;
  /** How long the changes had waited in the queue by then, by the clocks of two processes. */
  readonly queued_ms: number;
}

interface InvalidatorOptions {
  readonly changeInvalidator: ChangeInvalidator;
  readonly onApplied?: (changes: readonly Change[]) => void;
  readonly acknowledge: (applied: Applied) => void;
  readonly refresh: (keys: RefreshJob['keys']) => void;
  /** Takes keys that Redis refuses, and keys whose shard is away. `lists` are those of the whole job. */
  readonly setAside: (refused: readonly RefusedKey<Change>[], lists: readonly string[]) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/**
 * Applies the changes of a job: invalidates and announces their keys, passes the changes on to be acknowledged, and asks for a
 * refresh of the keys that were in use. A crash between two of these steps repeats a step, and skips none.
 */
export class Invalidator {
  readonly #options: InvalidatorOptions;

  constructor(options: InvalidatorOptions) {
    this.#options = options;
  }

  /**
   * @param queuedAt_ms when the job was queued, in ms since 1970
   * @throws the errors of `ChangeInvalidator.invalidate`, then nothing is acknowledged; and those of `setAside`
   */
  async apply(changes: readonly Change[], queuedAt_ms = Date.now()): Promise<void> {
    const { changeInvalidator, onApplied, acknowledge, refresh, setAside, onError } = this.#options;
    const outcome = await changeInvalidator.invalidate(changes);
    const { applied, refused, failure, inUse, lists } = outcome;
    if (failure !== undefined) onError(failure);
    // Changes of refused keys count too, because readers hear their versions.
    onApplied?.(changes);
    acknowledge({
      appliedAt_ms: performance.now(),
      queued_ms: Math.max(0, Date.now() - queuedAt_ms),
      changes: applied,
      lists,
    });
    if (inUse.length > 0) refresh(toRefresh(inUse));
    if (refused.length > 0) await setAside(refused, lists);
  }
}

export const toRefresh = (inUse: readonly KeyInUse<Change>[]): RefreshJob['keys'] =>
  inUse.map(({ entity, key, changes }) => ({ entity, key, seqs: changes.map(({ seq }) => seq) }));

interface AcknowledgerOptions {
  readonly outbox: Pick<Outbox, 'acknowledge' | 'release'>;
  /** As this process knows it: its incarnation, undefined while it is away, and the age of its map of slots. */
  readonly cache: Pick<WorkerCache, 'incarnation' | 'mapAge'>;
  /** Ends the pages of lists. Answers the incarnations of the shards of these lists. */
  readonly bump: (lists: readonly string[], incarnation: string) => Promise<readonly string[]>;
  /** Waits a little until the incarnation of this process is registered. */
  readonly registered: () => Promise<unknown>;
  /** Whether the incarnation of a shard still counts. */
  readonly isCurrent: (appliedTo: string) => boolean;
  /** How many traces of the acknowledged changes are wanted. */
  readonly tracesWanted: () => number;
  readonly onAcknowledged: (traces: Acknowledgement['traces'], count: number) => void;
  /** Another incarnation is registered: what this process writes to its cache does not count. */
  readonly onRefused: (incarnation: string) => void;
  readonly onError: (error: unknown) => void;
}

/** Short compared with the bound. An edit each millisecond then needs no statement each millisecond. */
const gather_ms = 5;
/** For this time a change is acknowledged again. While slots move, two workers register their maps by turns. */
const again_ms = 1_000;

/**
 * Acknowledges changes that have been invalidated and announced, many jobs at a time. Before that it bumps the generations
 * of their lists. Changes that a crash leaves unacknowledged are dispatched again.
 *
 * A change is acknowledged with the incarnation of the shard that it was applied to. An incarnation of this shard that has begun
 * since then has not seen the change, so the change is dispatched again. Postgres would refuse the acknowledgement, too.
 *
 * Postgres also refuses while another incarnation is registered. In a cluster that passes soon, but the change holds back the
 * watermark of all shards meanwhile. So it is acknowledged again soon, and given back to the relay after a while.
 */
export class Acknowledger implements Part {
  readonly #options: AcknowledgerOptions;
  readonly #hasWork = new Flag();
  #waiting: Applied[] = [];
  #waitingChanges = 0;

  constructor(options: AcknowledgerOptions) {
    this.#options = options;
  }

  add(applied: Applied): void {
    this.#waiting.push(applied);
    this.#waitingChanges += applied.changes.length;
    this.#hasWork.raise();
  }

  /** How many changes are applied and not yet acknowledged. */
  get waitingChanges(): number {
    return this.#waitingChanges;
  }

  /** After the stop it acknowledges what was added before. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted || this.#waiting.length > 0) {
      await this.#hasWork.wait(signal);
      // Jobs that end meanwhile are acknowledged in the same statement. Readers see the invalidations already.
      await pause(gather_ms, signal);
      this.#hasWork.lower();
      const batch = this.#waiting;
      this.#waiting = [];
      if (batch.length > 0 && !(await this.#acknowledge(batch))) await this.#tryAgain(batch, signal);
      for (const { changes } of batch) this.#waitingChanges -= changes.length;
    }
  }

  /** @returns false when it has to be tried again, because another incarnation is registered, or the cache is away */
  async #acknowledge(applied: readonly Applied[]): Promise<boolean> {
    const { outbox, cache, bump, isCurrent, tracesWanted, onAcknowledged, onRefused, onError } =
      this.#options;
    try {
      const { incarnation } = cache;
      if (incarnation === undefined) return false;
      const lists = new Set(applied.flatMap((each) => each.lists));
      const listsEndedIn = await bump([...lists], incarnation);
      const now_ms = performance.now();
      const all = applied.flatMap(({ changes, queued_ms, appliedAt_ms }): AppliedChange[] => {
        const applied_ms = now_ms - appliedAt_ms;
        return changes.map((change) => ({ ...change, applied_ms, queued_ms: applied_ms + queued_ms }));
      });
      const isAcknowledged = ({ appliedTo = incarnation }: AppliedChange) =>
        appliedTo === incarnation || isCurrent(appliedTo);
      const { acknowledged = [], late } = Object.groupBy(all, (change) =>
        isAcknowledged(change) ? 'acknowledged' : 'late',
      );
      if (late !== undefined) await outbox.release(late);
      const answer = await outbox.acknowledge(acknowledged, incarnation, {
        maxTraces: tracesWanted(),
        // Later than the invalidations, so it is not below that of the map with which they were made.
        mapAge: cache.mapAge,
        listsEndedIn,
      });
      if (answer.acknowledged > 0) onAcknowledged(answer.traces, answer.acknowledged);
      if (!answer.accepted) onRefused(incarnation);
      return answer.accepted;
    } catch (error) {
      // The outbox dispatches the changes again.
      onError(error);
      return true;
    }
  }

  /** Acknowledging twice does no harm. */
  async #tryAgain(batch: readonly Applied[], signal: AbortSignal): Promise<void> {
    const { outbox, registered, onError } = this.#options;
    if (!signal.aborted) await registered();
    const until_ms = performance.now() - again_ms;
    const { again = [], over = [] } = Object.groupBy(batch, ({ appliedAt_ms }) =>
      signal.aborted || appliedAt_ms < until_ms ? 'over' : 'again',
    );
    for (const applied of again) this.add(applied);
    if (over.length > 0) await outbox.release(over.flatMap(({ changes }) => changes)).catch(onError);
  }
}
