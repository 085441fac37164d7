import type { Look } from './outbox.ts';

/** How many looks are remembered. When the feed is far behind, a longer record would say no more. */
const maxPending = 1_000;

/**
 * The time up to which every committed change is known to be applied.
 *
 * A look notes a time, and then the newest change that is visible and unapplied. Once all changes up to that one are applied,
 * everything committed before the noted time is applied. Changes are compared by their transaction numbers. A long transaction
 * with a low number may hold the watermark back for a moment without need, which errs on the safe side.
 *
 * It tells nothing of single shards: a change that was applied to a former server counts as applied. `ReplayPass` applies it to the
 * new one, which gets no heartbeats before.
 */
export class Watermark {
  #at: number | undefined;
  #pending: { at: number; newest: number }[] = [];

  /** On the clock of the times that `look` was given; undefined until it is known. */
  get at(): number | undefined {
    return this.#at;
  }

  /** @param at a time before the look was sent, on any clock */
  look(at: number, { oldest, newest }: Look): void {
    if (oldest === null || newest === null) {
      this.#at = at;
      this.#pending = [];
      return;
    }
    const done = this.#pending.findLastIndex((look) => look.newest < oldest);
    if (done >= 0) {
      this.#at = this.#pending[done]?.at;
      this.#pending.splice(0, done + 1);
    }
    this.#pending.push({ at, newest });
    // Each look waits for at least the changes of the looks before it, so every second look can be dropped.
    if (this.#pending.length > maxPending)
      this.#pending = this.#pending.filter((_, index) => index % 2 === 0);
  }

  /** For another clock or another Postgres: nothing is known any more. */
  reset(): void {
    this.#at = undefined;
    this.#pending = [];
  }
}
