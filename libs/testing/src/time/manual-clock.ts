/** A clock that only moves when a test moves it. It fits every `Clock` of the libs. */
export interface ManualClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** A monotonic clock. `setNow` does not change it. */
  monotonic(): number;
  setTimeout(callback: () => void, delay_ms: number): unknown;
  clearTimeout(timer: unknown): void;
  /** Moves the time forward. Timers that fall due fire in order, each at its own time. */
  advance(ms: number): Promise<void>;
  /** Sets the wall clock forward or back, as an administrator or NTP does. No timer fires. */
  setNow(ms: number): void;
  /** The number of timers that have not fired. */
  readonly pending: number;
}

interface Timer {
  readonly due_ms: number;
  readonly callback: () => void;
}

export function manualClock(start_ms = Date.UTC(2026, 0, 1)): ManualClock {
  let elapsed_ms = 0;
  let wall_ms = start_ms;
  const timers = new Set<Timer>();

  const nextDue = (until_ms: number): Timer | undefined => {
    let next: Timer | undefined;
    for (const timer of timers) {
      if (timer.due_ms <= until_ms && (next === undefined || timer.due_ms < next.due_ms)) next = timer;
    }
    return next;
  };
  // Work that a timer starts must run before the next timer fires, as with real time.
  const letOthersRun = (): Promise<void> =>
    new Promise((resolve) => {
      setImmediate(resolve);
    });

  return {
    now: () => wall_ms,
    monotonic: () => elapsed_ms,
    setTimeout(callback, delay_ms) {
      const timer: Timer = { due_ms: elapsed_ms + Math.max(0, delay_ms), callback };
      timers.add(timer);
      return timer;
    },
    clearTimeout(timer) {
      timers.delete(timer as Timer);
    },
    async advance(ms) {
      const until_ms = elapsed_ms + ms;
      await letOthersRun();
      for (let timer = nextDue(until_ms); timer !== undefined; timer = nextDue(until_ms)) {
        timers.delete(timer);
        wall_ms += timer.due_ms - elapsed_ms;
        elapsed_ms = timer.due_ms;
        timer.callback();
        await letOthersRun();
      }
      wall_ms += until_ms - elapsed_ms;
      elapsed_ms = until_ms;
    },
    setNow(ms) {
      wall_ms = ms;
    },
    get pending() {
      return timers.size;
    },
  };
}
