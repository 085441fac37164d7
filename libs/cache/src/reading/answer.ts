import { NearEntry } from '../near-cache/near-cache.ts';

/**
 * near, redis: from a cache, within the bound · stored: from Postgres, and now in Redis · bypass: from Postgres,
 * not in Redis · stale: from a cache, and possibly older than the bound
 */
export type Source = 'near' | 'redis' | 'stored' | 'bypass' | 'stale';

/** The answer for one key. */
export class Answer<Body = unknown> {
  readonly entry: NearEntry;
  readonly source: Source;
  readonly age_ms: number;
  /** The incarnation in which the entry was stored. Set only while it is unknown whether the entry counts. */
  readonly unprovedStamp: string | undefined;

  constructor(entry: NearEntry, source: Source, age_ms: number, unprovedStamp?: string) {
    this.entry = entry;
    this.source = source;
    this.age_ms = age_ms;
    this.unprovedStamp = unprovedStamp;
  }

  static ofNear<Body>(entry: NearEntry, now_ms: number, source: Source): Answer<Body> {
    return new Answer(entry, source, now_ms - entry.storedAt_ms);
  }

  /** There is no such row, and no version of its absence. */
  static ofNothing<Body>(source: Source): Answer<Body> {
    return new Answer(new NearEntry(0, null, 0, 0), source, 0);
  }

  get version(): number {
    return this.entry.version;
  }

  /** The payload as it is stored, one character for each byte (`latin1`); null if there is no such row. */
  get text(): string | null {
    return this.entry.text;
  }

  /** The payload as it is stored; null if there is no such row. Copied with each call. */
  get payload(): Buffer | null {
    return this.text === null ? null : Buffer.from(this.text, 'latin1');
  }

  /** The payload, parsed with each call. */
  get value(): Body | null {
    return this.text === null ? null : (JSON.parse(Buffer.from(this.text, 'latin1').toString()) as Body);
  }
}

const byDistance: readonly Source[] = ['near', 'redis', 'stored', 'bypass', 'stale'];

/** The source of an answer that combines several: the source that is farthest from this process. */
export function farthestSource(answers: Iterable<{ readonly source: Source }>): Source {
  let distance = 0;
  for (const { source } of answers) distance = Math.max(distance, byDistance.indexOf(source));
  return byDistance[distance] ?? 'bypass';
}
