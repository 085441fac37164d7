export interface HeardInvalidation {
  readonly version: number;
  readonly heardAt: string;
}

/** The last invalidation of each key that this process has heard of, for those who ask why a key is as it is. */
export class HeardInvalidations {
  readonly #last = new Map<string, { version: number; heardAt_ms: number }>();
  readonly #limit: number;

  constructor(limit = 10_000) {
    this.#limit = limit;
  }

  note(key: string, version: number): void {
    this.#last.delete(key);
    this.#last.set(key, { version, heardAt_ms: Date.now() });
    if (this.#last.size <= this.#limit) return;
    for (const oldest of this.#last.keys()) {
      this.#last.delete(oldest);
      break;
    }
  }

  get(key: string): HeardInvalidation | null {
    const last = this.#last.get(key);
    if (last === undefined) return null;
    return { version: last.version, heardAt: new Date(last.heardAt_ms).toISOString() };
  }
}
