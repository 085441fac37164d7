import { CatalogError } from '@catalog/contracts';

export interface CallerPlacesOptions {
  /** For refusals, as `imports`. */
  readonly what: string;
  /** At once in this process. Without it, another limit bounds them. */
  readonly most?: number;
  /** Of them, those of one caller. */
  readonly mostPerCaller: number;
  readonly retryAfter_s: number;
}

/** A bulkhead: expensive work has a limited number of places in a process, and one caller may have only a part of them. */
export class CallerPlaces {
  readonly #options: CallerPlacesOptions;
  readonly #ofCaller = new Map<string, number>();
  #taken = 0;

  constructor(options: CallerPlacesOptions) {
    this.#options = options;
  }

  /**
   * @param caller `callerKey`
   * @returns gives the place back
   * @throws CatalogError `rate_limited`, `unavailable`
   */
  take(caller: string): Disposable {
    const { what, most = Number.POSITIVE_INFINITY, mostPerCaller, retryAfter_s } = this.#options;
    const ofCaller = this.#ofCaller.get(caller) ?? 0;
    const retryAfter = { retryAfterSeconds: retryAfter_s };
    if (ofCaller >= mostPerCaller)
      throw new CatalogError(
        'rate_limited',
        `This caller has ${ofCaller} ${what} under way, the most that it may have.`,
        retryAfter,
      );
    if (this.#taken >= most)
      throw new CatalogError(
        'unavailable',
        `${this.#taken} ${what} are under way, the most that one process serves.`,
        retryAfter,
      );
    this.#taken += 1;
    this.#ofCaller.set(caller, ofCaller + 1);
    let isTaken = true;
    return {
      [Symbol.dispose]: () => {
        if (!isTaken) return;
        isTaken = false;
        this.#taken -= 1;
        const left = (this.#ofCaller.get(caller) ?? 1) - 1;
        if (left === 0) this.#ofCaller.delete(caller);
        else this.#ofCaller.set(caller, left);
      },
    };
  }
}
