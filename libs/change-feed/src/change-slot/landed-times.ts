/** How far the change slot has landed, at a look. In bytes of the write-ahead log. */
export interface SlotPosition {
  /** Every change that was committed before is in the outbox; null while that is known of none. */
  readonly landed: number | null;
  /** Of the milestone that the look has written. */
  readonly milestone: number;
}

/** How many times are remembered. With the slot far behind, a longer record would say no more. */
const mostTimes = 1_000;

/**
 * The time up to which every committed change is in the outbox. Only from there on can the watermark go by the outbox.
 *
 * Without a slot this is the time of the look. With a slot, each look writes a milestone: what was committed before the look comes
 * before the milestone in the slot. When the milestone has landed, the time of that look counts.
 */
export class LandedTimes<Time> {
  #landed: Time | undefined;
  #position = 0;
  #waiting: { readonly time: Time; readonly milestone: number }[] = [];

  /**
   * @param time before the look was sent
   * @param slot null while no slot is in use
   * @returns the newest such time; undefined while none is known
   */
  look(time: Time, slot: SlotPosition | null): Time | undefined {
    if (slot === null) {
      this.#waiting = [];
      this.#landed = time;
      return time;
    }
    const { landed, milestone } = slot;
    // The slot was lost, and the cache has not been purged since. Or a crash of Postgres has undone what had landed: the changes
    // come from the slot again, and are not in the outbox meanwhile.
    if (landed === null || landed < this.#position) this.reset();
    if (landed === null) return undefined;
    this.#position = landed;
    const reached = this.#waiting.findLastIndex((each) => each.milestone <= landed);
    if (reached >= 0) {
      this.#landed = this.#waiting[reached]?.time;
      this.#waiting.splice(0, reached + 1);
    }
    this.#waiting.push({ time, milestone });
    // Each milestone lies behind those before it, so every second one can be dropped.
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
