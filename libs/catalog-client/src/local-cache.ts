import { LRUCache } from 'lru-cache';

export interface CachedBody<Body> {
  readonly body: Body;
  readonly version: number;
  readonly etag: string;
  /** When the service last said that this is current, on a monotonic clock in milliseconds. */
  readonly checkedAt_ms: number;
}

/**
 * The bodies that this process has read, by key. The cache saves bytes, not requests: the client uses an entry only
 * after the service has said that it is current, or when the service cannot answer and the caller allows that.
 */
export class LocalCache<Body> {
  readonly #entries: LRUCache<string, CachedBody<Body>> | undefined;

  /** With 0 it stores nothing. */
  constructor(maxEntries: number) {
    this.#entries = maxEntries > 0 ? new LRUCache({ max: maxEntries }) : undefined;
  }

  get(key: string): CachedBody<Body> | undefined {
    return this.#entries?.get(key);
  }

  /** Answers may overtake each other, so an older version never replaces a newer one. */
  set(key: string, entry: CachedBody<Body>): void {
    const present = this.#entries?.get(key);
    if (present !== undefined && present.version > entry.version) return;
    this.#entries?.set(key, entry);
  }

  delete(key: string): void {
    this.#entries?.delete(key);
  }
}
