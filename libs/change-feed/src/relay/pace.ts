/** When the relay looks again. Each number is a trade between the delay of a change and the cost of looking. */
import { feedLimits } from '../timings.ts';

/** Half of this is the delay of a change that could not ring: short compared with the rest of its way. */
export const betweenLooks_ms = 1;
/** A twentieth of the bound. A look then takes a hundred changes or more, and costs as little for each as it can. */
const mostBetweenLooks_ms = 100;
/** Twice the time from a claim until the change is visible to readers. */
export const besideAnother_ms = 10;
const slowLook_ms = 10;
/** Asleep while an open transaction may commit without a ring: so seldom that looking costs next to nothing. */
export const mostBesideWriters_ms = 16;
/** Falling asleep costs the next writer a NOTIFY, and staying awake costs a look each time. */
export const looksBeforeSleep = 3;

export interface LastLook {
  readonly found: number;
  /** With the dispatch of what it found. */
  readonly took_ms: number;
}

/**
 * The pause of a relay that is awake. In a dense stream, a later look takes more changes for the same price. So it comes a
 * millisecond later for each change that the last look found, unless looking already takes less than a tenth of the time:
 * an idle machine looks more often than a busy one. A full claim left changes behind, and they have waited long enough.
 */
export function untilNextLook_ms({ found, took_ms }: LastLook): number {
  if (found >= feedLimits.claimChanges) return betweenLooks_ms;
  return Math.max(betweenLooks_ms, Math.min(found, 9 * took_ms, mostBetweenLooks_ms));
}

/**
 * A slow, empty look is scanning dead rows that vacuum cannot remove yet. Sleep at least as long as it took, so that looking
 * uses at most half of the time.
 */
export function atLeastHalfIdle_ms(time_ms: number, { found, took_ms }: LastLook): number {
  return found === 0 && took_ms > slowLook_ms ? Math.max(time_ms, took_ms) : time_ms;
}
