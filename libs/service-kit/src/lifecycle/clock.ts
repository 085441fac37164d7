/** Time as a parameter, so that a test can move it. `manualClock` of the testing lib is another one. */
export interface Clock {
  /** Milliseconds since 1970; may be set back. */
  now(): number;
  /** Milliseconds since some moment; never goes back. */
  monotonic(): number;
  setTimeout(callback: () => void, delay_ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (callback, delay_ms) => setTimeout(callback, delay_ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};
