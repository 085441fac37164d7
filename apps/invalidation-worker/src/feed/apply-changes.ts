import type { ChangeInvalidator, GenerationBumper, RefusedKey } from '@catalog/cache/worker';
import type { Acknowledgement, AppliedChange, Outbox, RefreshJob } from '@catalog/change-feed';
import type { Change } from '@catalog/contracts';
import { Flag, type Part, pause } from '@catalog/runtime';

export interface Applied {
  readonly changes: readonly Change[];
  /** Lists whose cached pages may no longer be right. */
  readonly lists: readonly string[];
  /** The incarnation of the cache that all of it was applied to, from the first key to the announcement. */
  readonly incarnation: string;
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
  /** Takes keys that Redis refuses. `lists` are those of the whole job. */
  readonly setAside: (
    refused: readonly RefusedKey<Change>[],
    lists: readonly string[],
    incarnation: string,
  ) => Promise<void>;
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
    const { incarnation, applied, refused, failure, inUse, lists } = outcome;
    if (failure !== undefined) onError(failure);
    // Changes of refused keys count too, because readers hear their versions.
    onApplied?.(changes);
    acknowledge({
      incarnation,
      appliedAt_ms: performance.now(),
      queued_ms: Math.max(0, Date.now() - queuedAt_ms),
      changes: applied,
      lists,
    });
    if (inUse.length > 0) {
      refresh(
        inUse.map((each) => ({
          entity: each.entity,
          key: each.key,
          seqs: each.changes.map(({ seq }) => seq),
        })),
      );
    }
    if (refused.length > 0) await setAside(refused, lists, incarnation);
  }
}

interface AcknowledgerOptions {
  readonly outbox: Pick<Outbox, 'acknowledge'>;
  readonly bumper: Pick<GenerationBumper, 'bump'>;
  /** How many traces of the acknowledged changes are wanted. */
  readonly tracesWanted: () => number;
  readonly onAcknowledged: (traces: Acknowledgement['traces'], count: number) => void;
  /** Another incarnation is registered: what this process writes to its cache does not count. */
  readonly onRefused: (incarnation: string) => void;
  readonly onError: (error: unknown) => void;
}

/** Short compared with the bound. An edit each millisecond then needs no statement each millisecond. */
const gather_ms = 5;

/**
 * Acknowledges changes that have been invalidated and announced, many jobs at a time. Before that it bumps the generations
 * of their lists. Changes that a crash leaves unacknowledged are dispatched again.
 *
 * A change is acknowledged for the incarnation that it was applied to. An incarnation that has begun since then has not seen the
 * change.
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
      const byIncarnation = Map.groupBy(batch, ({ incarnation }) => incarnation);
      for (const [incarnation, applied] of byIncarnation) await this.#acknowledge(incarnation, applied);
      for (const { changes } of batch) this.#waitingChanges -= changes.length;
    }
  }

  async #acknowledge(incarnation: string, applied: readonly Applied[]): Promise<void> {
    const { outbox, bumper, tracesWanted, onAcknowledged, onRefused, onError } = this.#options;
    try {
      const lists = new Set(applied.flatMap((each) => each.lists));
      await Promise.all([...lists].map((list) => bumper.bump(list)));
      const now_ms = performance.now();
      const acknowledged = applied.flatMap(({ changes, queued_ms, appliedAt_ms }): AppliedChange[] => {
        const applied_ms = now_ms - appliedAt_ms;
        return changes.map((change) => ({ ...change, applied_ms, queued_ms: applied_ms + queued_ms }));
      });
      const { accepted, traces } = await outbox.acknowledge(acknowledged, incarnation, tracesWanted());
      if (accepted) onAcknowledged(traces, acknowledged.length);
      else onRefused(incarnation);
    } catch (error) {
      onError(error);
    }
  }
}
