import { Flag } from './flag.ts';

export interface RepeatOptions {
  readonly signal: AbortSignal;
  /** From the beginning of one round to the beginning of the next. A round that takes longer delays the next one. */
  readonly every_ms: number;
  /** A round has failed. The next one comes all the same. */
  readonly onError: (error: unknown) => void;
  /** The pause after this number of failed rounds in a row; `every_ms` unless given. */
  readonly backoff?: (failures: number) => number;
  /** Whether to wait for `every_ms` before the first round. */
  readonly waitFirst?: boolean;
  /** Begins a round at once when it is raised. A round lowers it. */
  readonly wake?: Flag;
}

/** Runs `work` again and again until the signal aborts, one round at a time. Resolves when the last round has ended. */
export async function repeat(
  work: (signal: AbortSignal) => Promise<unknown>,
  { signal, every_ms, onError, backoff, waitFirst = false, wake = new Flag() }: RepeatOptions,
): Promise<void> {
  if (waitFirst) await wake.wait(signal, every_ms);
  let failures = 0;
  while (!signal.aborted) {
    wake.lower();
    const began_ms = performance.now();
    let next_ms = every_ms;
    try {
      await work(signal);
      failures = 0;
    } catch (error) {
      onError(error);
      failures += 1;
      next_ms = backoff?.(failures) ?? every_ms;
    }
    // At least a moment, so that a slow round does not keep the rest of the process from its turn.
    await wake.wait(signal, Math.max(1, next_ms - (performance.now() - began_ms)));
  }
}
