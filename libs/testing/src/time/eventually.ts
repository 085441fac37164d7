import { setTimeout as pause } from 'node:timers/promises';

/**
 * Calls `probe` until it neither throws nor returns false, and returns its result. After `timeout_ms` it fails with the
 * last error of the probe. It is for conditions without an event.
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  options: { timeout_ms?: number; interval_ms?: number } = {},
): Promise<Exclude<T, false>> {
  const timeout_ms = options.timeout_ms ?? 5_000;
  const deadline = performance.now() + timeout_ms;
  for (;;) {
    let last: unknown;
    try {
      const answer = await probe();
      if (answer !== false) return answer as Exclude<T, false>;
      last = new Error('the probe returned false');
    } catch (error) {
      last = error;
    }
    if (performance.now() >= deadline) {
      const reason = last instanceof Error ? last.message : String(last);
      throw new Error(`The condition does not hold after ${timeout_ms} ms: ${reason}`, { cause: last });
    }
    await pause(options.interval_ms ?? 10);
  }
}
