import { limits } from '../timings.ts';

/** Sends one MGET. It never rejects. */
type Send = () => Promise<void>;

/**
 * Decides when the reads of all servers of the cache are sent. Those of one turn of the event loop are a wave, with one MGET for each
 * server. While two waves are under way, further reads wait for the first of them, so that under load more keys share one MGET. A wave
 * counts as over with its first answer: a server that hangs must not hold back the reads of others.
 */
export class ReadWaves {
  #waiting: Send[] = [];
  #underWay = 0;
  /** Set while the next wave is held back. */
  #patience: NodeJS.Timeout | undefined;

  /** @param send for one server. It is called once, with the next wave */
  join(send: Send): void {
    this.#waiting.push(send);
    if (this.#waiting.length === 1) setImmediate(() => this.#sendOrHold());
  }

  #sendOrHold(): void {
    if (this.#underWay < limits.readsUnderWay) this.#send();
    else this.#patience = setTimeout(() => this.#send(), limits.readsHeld_ms);
  }

  #send(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    const sends = this.#waiting;
    this.#waiting = [];
    this.#underWay += 1;
    let isOver = false;
    const over = () => {
      if (isOver) return;
      isOver = true;
      this.#underWay -= 1;
      if (this.#patience !== undefined) this.#send();
    };
    for (const send of sends) void send().then(over);
  }
}
