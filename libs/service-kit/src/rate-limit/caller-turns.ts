import { callerGaveUp, CatalogError } from '@catalog/contracts';
import { withDeadline } from '@catalog/runtime';

export interface CallerTurnsOptions {
  /** The word for the work in refusals, such as `requests`. */
  readonly what: string;
  /** Turns of one caller at once in this process. */
  readonly atOnce: number;
  /** How much work of one caller may wait for a turn. */
  readonly waiting: number;
  /** How long work waits for a turn at most. */
  readonly wait_ms: number;
}

interface Turns {
  running: number;
  /** In the order of arrival. Calling one begins its turn. */
  readonly waiting: Set<() => void>;
}

/**
 * One caller has at most `atOnce` turns, and the rest of its work waits for them. So it leaves room for other callers, however
 * much it sends. `CallerPlaces` is for work that takes long: it refuses instead of letting work wait.
 */
export class CallerTurns {
  readonly #options: CallerTurnsOptions;
  readonly #ofCaller = new Map<string, Turns>();

  constructor(options: CallerTurnsOptions) {
    this.#options = options;
  }

  /**
   * @param caller `callerKey`
   * @param until_ms when the caller gives up, by `performance.now()`
   * @returns the turn, at once if the caller has a free one. Disposing ends it
   * @throws CatalogError `rate_limited` if too much waits or it waits for too long, `unavailable` when the caller gives up
   */
  take(caller: string, until_ms = Number.POSITIVE_INFINITY): Disposable | Promise<Disposable> {
    const { atOnce, waiting, what } = this.#options;
    let turns = this.#ofCaller.get(caller);
    if (turns === undefined) {
      turns = { running: 0, waiting: new Set() };
      this.#ofCaller.set(caller, turns);
    }
    if (turns.running < atOnce) {
      turns.running += 1;
      return this.#turn(caller, turns);
    }
    if (turns.waiting.size >= waiting)
      throw this.#refusal(`${waiting} more of its ${what} wait for their turn, the most that may`);
    return this.#wait(caller, turns, until_ms);
  }

  async #wait(caller: string, turns: Turns, until_ms: number): Promise<Disposable> {
    const { wait_ms } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const last_ms = performance.now() + wait_ms;
    const late = () =>
      until_ms <= last_ms ? callerGaveUp() : this.#refusal(`this one has waited for ${wait_ms} ms`);
    turns.waiting.add(resolve);
    try {
      await withDeadline(() => promise, { until_ms: Math.min(until_ms, last_ms), late });
    } catch (error) {
      // The race: the turn may have begun at the same moment. Then end it.
      if (!turns.waiting.delete(resolve)) this.#end(caller, turns);
      throw error;
    }
    return this.#turn(caller, turns);
  }

  #turn(caller: string, turns: Turns): Disposable {
    let isTaken = true;
    return {
      [Symbol.dispose]: () => {
        if (!isTaken) return;
        isTaken = false;
        this.#end(caller, turns);
      },
    };
  }

  /** Hands the turn to the next waiting work, so that no later work gets it first. */
  #end(caller: string, turns: Turns): void {
    const [next] = turns.waiting;
    if (next !== undefined) {
      turns.waiting.delete(next);
      next();
      return;
    }
    turns.running -= 1;
    if (turns.running === 0) this.#ofCaller.delete(caller);
  }

  #refusal(reason: string): CatalogError {
    const { what, atOnce } = this.#options;
    return new CatalogError(
      'rate_limited',
      `This caller has ${atOnce} ${what} under way, the most that it may have at once, and ${reason}.`,
      { retryAfterSeconds: 1 },
    );
  }
}
