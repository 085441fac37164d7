import { setTimeout as pause } from 'node:timers/promises';
import type { GenerationBumper } from '@catalog/cache';
import type { Acknowledgement, AppliedChange, Outbox, OutboxRow } from '@catalog/change-feed';

export interface Applied {
  readonly rows: readonly OutboxRow[];
  /** Lists whose pages the changes may have made wrong. */
  readonly lists: readonly string[];
  /** The life of the cache in which all of it was done, from the first key to the announcement. */
  readonly incarnation: string;
  /** By `performance.now`, and before that by the clock of the process that dispatched the changes. */
  readonly appliedAt_ms: number;
  readonly queued_ms: number;
}

interface AcknowledgerOptions {
  readonly outbox: Pick<Outbox, 'acknowledge'>;
  readonly bumper: Pick<GenerationBumper, 'bump'>;
  /** How many traces the acknowledged changes are wanted with. */
  readonly tracesWanted: () => number;
  readonly onAcknowledged: (traces: Acknowledgement['traces'], count: number) => void;
  /** Another life is registered: this process writes to a cache that nobody counts on. */
  readonly onRefused: (incarnation: string) => void;
  readonly onError: (error: unknown) => void;
}

/** Beside the bound it is nothing, and an edit a millisecond needs no statement a millisecond. */
const togetherFor_ms = 5;

/**
 * Acknowledges what has been invalidated and announced, many jobs at a time: after the lists' generations
 * have been bumped, which happens at most ten times a second. What a crash leaves unacknowledged is dispatched again.
 *
 * Changes are acknowledged for the life of the cache that they were applied to, never for the one that has begun
 * meanwhile: that one has not seen them.
 */
export class Acknowledger {
  readonly #options: AcknowledgerOptions;
  #waiting: Applied[] = [];
  #waitingChanges = 0;
  #working: Promise<void> | undefined;

  constructor(options: AcknowledgerOptions) {
    this.#options = options;
  }

  add(applied: Applied): void {
    this.#waiting.push(applied);
    this.#waitingChanges += applied.rows.length;
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  /** Changes that are applied, and not acknowledged yet. */
  get waitingChanges(): number {
    return this.#waitingChanges;
  }

  /** Resolves when everything added has been acknowledged or given up. */
  async idle(): Promise<void> {
    await this.#working;
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      // Jobs that end meanwhile come along, and readers get on with what was invalidated.
      await pause(togetherFor_ms);
      const batch = this.#waiting;
      this.#waiting = [];
      const byIncarnation = Map.groupBy(batch, ({ incarnation }) => incarnation);
      for (const [incarnation, applied] of byIncarnation) await this.#acknowledge(incarnation, applied);
      for (const { rows } of batch) this.#waitingChanges -= rows.length;
    }
  }

  async #acknowledge(incarnation: string, applied: readonly Applied[]): Promise<void> {
    const { outbox, bumper, tracesWanted, onAcknowledged, onRefused, onError } = this.#options;
    try {
      const lists = new Set(applied.flatMap((each) => each.lists));
      await Promise.all([...lists].map((list) => bumper.bump(list)));
      const now_ms = performance.now();
      const changes = applied.flatMap(({ rows, queued_ms, appliedAt_ms }): AppliedChange[] => {
        const applied_ms = now_ms - appliedAt_ms;
        return rows.map((row) => ({ ...row, applied_ms, queued_ms: applied_ms + queued_ms }));
      });
      const { accepted, traces } = await outbox.acknowledge(changes, incarnation, tracesWanted());
      if (accepted) onAcknowledged(traces, changes.length);
      else onRefused(incarnation);
    } catch (error) {
      onError(error);
    }
  }
}
