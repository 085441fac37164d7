import type { Outbox } from '@catalog/change-feed';

const interval_ms = 15_000;
const chunk = 20_000;

/** Deletes what was applied longer ago than the replay window, in bulk, so that the outbox stays small. */
export class Retention {
  readonly #outbox: Outbox;
  readonly #onError: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> | undefined;
  #stopped = false;

  constructor(outbox: Outbox, onError: (error: unknown) => void) {
    this.#outbox = outbox;
    this.#onError = onError;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#working ??= this.#retire().finally(() => {
        this.#working = undefined;
      });
    }, interval_ms);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#working;
  }

  async #retire(): Promise<void> {
    try {
      while (!this.#stopped && (await this.#outbox.retire(chunk)) === chunk);
      await this.#outbox.retireRefreshed();
    } catch (error) {
      this.#onError(error);
    }
  }
}
