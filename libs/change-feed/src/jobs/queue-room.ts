export interface QueueRoomOptions {
  /** Jobs that wait in the queue. */
  readonly count: () => Promise<number>;
  /** How many may. */
  readonly limit: number;
}

/**
 * Whether a queue has room for more jobs, without asking Redis before each: what waited when it was last asked, and
 * what this process has added since. Several processes together may exceed the limit as many times.
 */
export class QueueRoom {
  readonly #options: QueueRoomOptions;
  #atMost = Number.POSITIVE_INFINITY;

  constructor(options: QueueRoomOptions) {
    this.#options = options;
  }

  /** This process adds so many. */
  added(jobs: number): void {
    this.#atMost += jobs;
  }

  async hasRoom(): Promise<boolean> {
    const { count, limit } = this.#options;
    if (this.#atMost >= limit) this.#atMost = await count();
    return this.#atMost < limit;
  }
}
