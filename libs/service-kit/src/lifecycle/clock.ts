/** Time as a parameter, so that a test can move it with `manualClock` of the testing lib. */
export interface Clock {
  /** Milliseconds since 1970. It may go back when somebody sets the clock. */
  now(): number;
  /** Milliseconds since some moment. It never goes back. */
  monotonic(): number;
  setTimeout(callback: () => void, delay_ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

export const systemClock: Clock = {
  now: Date.now,
  monotonic: performance.now.bind(performance),
  setTimeout: (callback, delay_ms) => setTimeout(callback, delay_ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};
