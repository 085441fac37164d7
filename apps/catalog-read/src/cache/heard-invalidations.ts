import { UNCONDITIONAL_VERSION } from '@catalog/contracts';
import { LRUCache } from 'lru-cache';

export interface HeardInvalidation {
  /** null: it invalidated any version. */
  readonly version: number | null;
  readonly heardAt: string;
}

/** The last invalidation of each key that this process has heard of. The view of a key shows it. */
export class HeardInvalidations {
  readonly #last: LRUCache<string, { version: number; heardAt_ms: number }>;

  constructor(limit = 10_000) {
    this.#last = new LRUCache({ max: limit });
  }

  note(key: string, version: number): void {
    this.#last.set(key, { version, heardAt_ms: Date.now() });
  }

  get(key: string): HeardInvalidation | null {
    const last = this.#last.peek(key);
    if (last === undefined) return null;
    const version = last.version === UNCONDITIONAL_VERSION ? null : last.version;
    return { version, heardAt: new Date(last.heardAt_ms).toISOString() };
  }
}
