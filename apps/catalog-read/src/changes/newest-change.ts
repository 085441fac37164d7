import { type Pool, readNewest } from '@catalog/database';
import { Flag, type Part, repeat } from '@catalog/runtime';

/** A stream shows a change this late at most, besides the time of its own query. */
const look_ms = 100;

/**
 * Looks for new changes, for all streams of this process together: one small query for all of them instead of one for each.
 * It looks only while somebody waits.
 */
export class NewestChange implements Part {
  readonly #pool: Pool;
  readonly #onError: (error: unknown) => void;
  readonly #waiting = new Set<{ readonly beyond: number; readonly wake: () => void }>();
  readonly #wanted = new Flag();

  constructor(pool: Pool, onError: (error: unknown) => void) {
    this.#pool = pool;
    this.#onError = onError;
  }

  async run(signal: AbortSignal): Promise<void> {
    const look = async () => {
      await this.#wanted.wait(signal);
      if (signal.aborted) return;
      const { newest } = await readNewest(this.#pool);
      for (const { beyond, wake } of this.#waiting) if (newest > beyond) wake();
    };
    await repeat(look, { every_ms: look_ms, signal, onError: this.#onError });
    for (const { wake } of this.#waiting) wake();
  }

  /** Resolves when there is a change beyond that version, after `most_ms`, or when the signal aborts. */
  async beyond(version: number, most_ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = { beyond: version, wake: () => resolve() };
    const timer = setTimeout(resolve, most_ms);
    signal.addEventListener('abort', waiting.wake);
    this.#waiting.add(waiting);
    this.#wanted.raise();
    await promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', waiting.wake);
    this.#waiting.delete(waiting);
    if (this.#waiting.size === 0) this.#wanted.lower();
  }
}
