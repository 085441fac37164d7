import type { Look } from './outbox.ts';

/**
 * The time up to which every committed change is known to be applied.
 *
 * A look notes a time, and after it the changes that are visible and unapplied. Once all of those are applied,
 * everything committed before that time is. They are told by their transactions: one that ends later with a lower
 * number (it took longer) holds the watermark back for a moment without need, which errs on the safe side.
 */
export class Watermark {
  #at: number | undefined;
  #pending: { at: number; newest: number }[] = [];

  get at(): number | undefined {
    return this.#at;
  }

  /** @param at a time before the look was sent, of whatever clock the watermark is to be told in */
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
    // Each waits for at least as much as those before it; far behind, a coarser record says the same.
    if (this.#pending.length > maxPending)
      this.#pending = this.#pending.filter((_, index) => index % 2 === 0);
  }

  /** Another clock or another cache: nothing is known any more. */
  reset(): void {
    this.#at = undefined;
    this.#pending = [];
  }
}

const maxPending = 1_000;
