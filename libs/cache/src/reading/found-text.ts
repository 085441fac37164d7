import { NearEntry } from '../near-cache/near-cache.ts';
import type { Entry, PrimaryRead } from '../redis/entry-store.ts';
import { Answer, type Source } from './answer.ts';

/** A row that was read from Redis or Postgres, in the form that the near cache keeps. */
export interface FoundText {
  readonly version: number;
  readonly text: string | null;
  readonly freshFor_ms: number;
}

export function textOf(found: Entry): FoundText;
export function textOf(read: PrimaryRead, fresh_ms?: number): FoundText;
export function textOf(
  found: PrimaryRead & { state?: string; freshFor_ms?: number },
  fresh_ms = 0,
): FoundText {
  const { version, payload, state, freshFor_ms = fresh_ms } = found;
  const text = payload === null || state === 'missing' ? null : payload.toString('latin1');
  return { version, text, freshFor_ms };
}

/** @param stamp of an entry whose incarnation is not proved */
export function answerOf<Body extends object>(
  { version, text, freshFor_ms }: FoundText,
  now_ms: number,
  age_ms: number,
  source: Source,
  stamp?: string,
): Answer<Body> {
  return new Answer(
    new NearEntry(version, text, now_ms - age_ms, now_ms + freshFor_ms),
    source,
    age_ms,
    stamp,
  );
}
