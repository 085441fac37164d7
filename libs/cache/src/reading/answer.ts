import type { NearEntry } from '../near-cache/near-cache.ts';

/**
 * near, redis: from a cache, within the bound · stored: from Postgres, and now in Redis · bypass: from Postgres,
 * not in Redis · stale: from a cache, and possibly older than the bound
 */
export type Source = 'near' | 'redis' | 'stored' | 'bypass' | 'stale';

/** The answer for one key. */
export class Answer<Body = unknown> {
  readonly version: number;
  /** JSON, as it is stored; null if there is no such row. */
  readonly payload: Buffer | null;
  readonly age_ms: number;
  readonly source: Source;
  /** The incarnation in which the entry was stored. Set only while it is unknown whether the entry counts. */
  readonly unprovedStamp?: string | undefined;

  constructor(
    version: number,
    payload: Buffer | null,
    age_ms: number,
    source: Source,
    unprovedStamp?: string,
  ) {
    this.version = version;
    this.payload = payload;
    this.age_ms = age_ms;
    this.source = source;
    this.unprovedStamp = unprovedStamp;
  }

  static of<Body>(
    entry: { state: string; version: number; payload: Buffer; age_ms: number; stamp?: string },
    source: Source,
  ): Answer<Body> {
    const { state, version, payload, age_ms, stamp } = entry;
    return new Answer(version, state === 'missing' ? null : payload, age_ms, source, stamp);
  }

  static ofNear<Body>(
    { version, text, storedAt_ms }: NearEntry,
    now_ms: number,
    source: Source,
  ): Answer<Body> {
    const payload = text === null ? null : Buffer.from(text, 'latin1');
    return new Answer(version, payload, now_ms - storedAt_ms, source);
  }

  /** The payload, parsed with each call. */
  get value(): Body | null {
    return this.payload === null ? null : (JSON.parse(this.payload.toString()) as Body);
  }
}

const byDistance: readonly Source[] = ['near', 'redis', 'stored', 'bypass', 'stale'];

/** The source of an answer that combines several: the source that is farthest from this process. */
export function farthestSource(answers: Iterable<{ readonly source: Source }>): Source {
  let distance = 0;
  for (const { source } of answers) distance = Math.max(distance, byDistance.indexOf(source));
  return byDistance[distance] ?? 'bypass';
}
