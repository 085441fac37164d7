import { feedLimits } from '../timings.ts';

/** A change that did not ring waits half of this on average: short compared with the other steps. */
export const betweenLooks_ms = 1;
/** A twentieth of the bound. A look then takes a hundred changes or more, and costs as little for each as it can. */
const mostBetweenLooks_ms = 100;

export interface LastLook {
  readonly found: number;
  /** Includes the dispatch of the changes that it found. */
  readonly took_ms: number;
}

/**
 * The pause between two looks of an awake relay, and between two landings. In a dense stream, a later look takes more changes for
 * the same cost. So the pause is one millisecond for each change that the last look found, but at most 100 ms and nine times as
 * long as that look took: an idle machine looks more often than a busy one. After a full claim more changes wait, so the pause is
 * short.
 */
export function untilNextLook_ms({ found, took_ms }: LastLook): number {
  if (found >= feedLimits.claimChanges) return betweenLooks_ms;
  return Math.max(betweenLooks_ms, Math.min(found, 9 * took_ms, mostBetweenLooks_ms));
}
