/** How far the change slot has landed, as a look sees it. Positions in the write-ahead log, in bytes. */
export interface SlotPosition {
  /** Every change that was committed before this position is in the outbox. Null after a loss, until the cache is purged. */
  readonly landed: number | null;
  /** The position of the milestone that this look has written. */
  readonly milestone: number;
}

/** How many looks are remembered. Beyond that, every second one is dropped: the watermark then moves in larger steps. */
const mostTimes = 1_000;

/**
 * The time up to which every committed change is in the outbox. The watermark may rely on the outbox only up to this time.
 *
 * Without a slot this is the time of the look. With a slot, each look writes a milestone: every change that was committed before
 * the look comes before its milestone. When the milestone has landed, the time of that look counts.
 */
export class LandedTimes<Time> {
  #landed: Time | undefined;
  #position = 0;
  #waiting: { readonly time: Time; readonly milestone: number }[] = [];

  /**
   * @param time before the look was sent
   * @param slot null while no slot is in use
   * @returns the newest time that counts; undefined while none is known
   */
  look(time: Time, slot: SlotPosition | null): Time | undefined {
    if (slot === null) {
      this.#waiting = [];
      this.#landed = time;
      return time;
    }
    const { landed, milestone } = slot;
    // Either the slot was lost, and the cache is not purged yet. Or a crash of Postgres has undone landings: until the slot sends
    // these changes again, they are not in the outbox.
    if (landed === null || landed < this.#position) this.reset();
    if (landed === null) return undefined;
    this.#position = landed;
    const reached = this.#waiting.findLastIndex((each) => each.milestone <= landed);
    if (reached >= 0) {
      this.#landed = this.#waiting[reached]?.time;
      this.#waiting.splice(0, reached + 1);
    }
    this.#waiting.push({ time, milestone });
    // A milestone implies all earlier ones, so every second one can be dropped.
    if (this.#waiting.length > mostTimes) this.#waiting = this.#waiting.filter((_, index) => index % 2 === 0);
    return this.#landed;
  }

  /** For another clock or another Postgres: nothing is known any more. */
  reset(): void {
    this.#landed = undefined;
    this.#position = 0;
    this.#waiting = [];
  }
}
