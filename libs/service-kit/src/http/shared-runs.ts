import { pause } from '@catalog/runtime';

/**
 * Bounds what work without a limit for its callers costs. It runs at most once in `every_ms`, and once at a time. Callers
 * share the next run, so no answer is older than its question.
 */
export function sharedRuns<T>(work: () => Promise<T>, every_ms: number): () => Promise<T> {
  let next: Promise<T> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let began_ms = Number.NEGATIVE_INFINITY;
  const run = async (): Promise<T> => {
    await last;
    const early_ms = began_ms + every_ms - performance.now();
    if (early_ms > 0) await pause(early_ms);
    next = undefined;
    began_ms = performance.now();
    const result = work();
    last = result.catch(() => undefined);
    return result;
  };
  return () => (next ??= run());
}
