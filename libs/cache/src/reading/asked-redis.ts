import { performance } from 'node:perf_hooks';
import { timings } from '../timings.ts';
import type { Answer } from './answer.ts';
import type { ReadOptions } from './read-options.ts';

/** A read that a call of `MonotonicReads.forget` may overtake. */
export interface MarkedAnswer<Body> {
  readonly answer: Answer<Body>;
  /** Taken before the read began. */
  readonly mark: number;
}

/** What Redis answered: undecided is an entry that only `read_or_lease` can judge. */
export type AskedRedis<Body = unknown> = MarkedAnswer<Body> | 'undecided' | 'failed';

export const isEnough = <Body>(
  asked: AskedRedis<Body>,
  { minVersion = 0 }: ReadOptions,
): asked is MarkedAnswer<Body> => typeof asked === 'object' && asked.answer.version >= minVersion;

/**
 * Whether a caller waits for longer than a call to Redis can take. Then the call needs no timer.
 *
 * @param until_ms when the caller gives up, by `performance.now()`
 */
export const outlastsRedis = (until_ms: number): boolean =>
  until_ms - performance.now() > timings.cacheCall_ms;
