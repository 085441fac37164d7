import { feedLimits } from '../timings.ts';

/** Half of this is the delay of a change that could not ring: short compared with the rest of its way. */
export const betweenLooks_ms = 1;
/** A twentieth of the bound. A look then takes a hundred changes or more, and costs as little for each as it can. */
const mostBetweenLooks_ms = 100;

export interface LastLook {
  readonly found: number;
  /** Includes the dispatch of the changes that it found. */
  readonly took_ms: number;
}

/**
 * The pause of a relay that is awake, and between two landings. In a dense stream, a later look takes more changes for the same
 * price. So it comes a millisecond later for each change that the last look found, unless looking already takes less than a
 * tenth of the time: an idle machine looks more often than a busy one. A full claim left changes behind, and they have waited
 * long enough.
 */
export function untilNextLook_ms({ found, took_ms }: LastLook): number {
  if (found >= feedLimits.claimChanges) return betweenLooks_ms;
  return Math.max(betweenLooks_ms, Math.min(found, 9 * took_ms, mostBetweenLooks_ms));
}
