import { LRUCache } from 'lru-cache';

export interface Kept<Body> {
  readonly body: Body;
  readonly version: number;
  readonly etag: string;
  /** When the service last said that this is current, on a monotonic clock in milliseconds. */
  readonly checkedAt_ms: number;
}

/**
 * What this process has read, by key. It saves bytes, not questions: an entry is used after the service has said
 * that it is still current, or, where a caller allows that, when the service cannot be asked.
 */
export class LocalCache<Body> {
  readonly #entries: LRUCache<string, Kept<Body>> | undefined;

  /** 0 keeps nothing. */
  constructor(maxEntries: number) {
    this.#entries = maxEntries > 0 ? new LRUCache({ max: maxEntries }) : undefined;
  }

  get(key: string): Kept<Body> | undefined {
    return this.#entries?.get(key);
  }

  /** Answers may overtake each other: the newer version stays. */
  keep(key: string, entry: Kept<Body>): void {
    const there = this.#entries?.get(key);
    if (there !== undefined && there.version > entry.version) return;
    this.#entries?.set(key, entry);
  }

  forget(key: string): void {
    this.#entries?.delete(key);
  }
}
