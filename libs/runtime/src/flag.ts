/**
 * Wakes a loop that waits for work. One loop waits at a time. Other languages call it an event.
 *
 * It stays raised until it is lowered, so a call between two waits is not lost: it ends the next wait at once.
 */
export class Flag {
  #isRaised = false;
  #end: (() => void) | undefined;

  get isRaised(): boolean {
    return this.#isRaised;
  }

  raise(): void {
    this.#isRaised = true;
    this.#end?.();
  }

  lower(): void {
    this.#isRaised = false;
  }

  /** Resolves when the flag is raised, the signal aborts, or the time is over. Infinity sets no limit. Never rejects. */
  wait(signal: AbortSignal, time_ms: number = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#isRaised || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        this.#end = undefined;
        resolve();
      };
      const timer = time_ms === Number.POSITIVE_INFINITY ? undefined : setTimeout(end, time_ms);
      signal.addEventListener('abort', end);
      this.#end = end;
    });
  }
}

/** Resolves when the signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
