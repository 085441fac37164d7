import { bulkhead, BulkheadRejectedError, circuitBreaker, ConsecutiveBreaker, handleAll, wrap } from 'cockatiel';
import { CatalogError, limits, timings } from '@catalog/contracts';
import type { Loaded } from './entry-store.ts';

/** Reads keys from the primary, in one snapshot; every key has an answer. */
export type Load = (keys: readonly string[]) => Promise<ReadonlyMap<string, Loaded>>;

/** A load of bodies as one of payloads: the bytes that are stored, and served as they are. */
export function loadPayloads(
  load: (keys: readonly string[]) => Promise<ReadonlyMap<string, { version: number; body: object | null }>>,
): Load {
  return async (keys) => {
    const bodies = await load(keys);
    const loaded = new Map<string, Loaded>();
    for (const [key, { version, body }] of bodies) {
      loaded.set(key, { version, payload: body === null ? null : Buffer.from(JSON.stringify(body)) });
    }
    return loaded;
  };
}

interface Batch {
  readonly keys: Set<string>;
  readonly result: Promise<ReadonlyMap<string, Loaded>>;
}

/**
 * Reads of Postgres, many keys to a query, behind a bulkhead (so many at once, so many waiting, the others are
 * turned away) and a circuit breaker (while it fails, it is not asked).
 *
 * A key joins only a batch that has not been sent: what was asked before a caller got its lease may be
 * older than the invalidation that came before the lease.
 */
export class BatchLoader {
  readonly #load: Load;
  readonly #policy = wrap(
    bulkhead(limits.loadConcurrency, limits.loadWaiting),
    circuitBreaker(handleAll, {
      halfOpenAfter: timings.breakerRetry_ms,
      breaker: new ConsecutiveBreaker(limits.breakerFailures),
    }),
  );
  #open: Batch | undefined;

  constructor(load: Load) {
    this.#load = load;
  }

  /** @throws CatalogError `unavailable`: Postgres fails, is late, or has too many readers waiting */
  async load(key: string): Promise<Loaded> {
    const loaded = await withDeadline(this.#joinOrOpen(key).result);
    const found = loaded.get(key);
    if (found === undefined) throw new Error(`the loader left out ${key}`);
    return found;
  }

  #joinOrOpen(key: string): Batch {
    const open = this.#open;
    if (open !== undefined && (open.keys.size < limits.loadBatch || open.keys.has(key))) {
      open.keys.add(key);
      return open;
    }
    const keys = new Set([key]);
    const batch: Batch = { keys, result: this.#send(keys) };
    this.#open = batch;
    return batch;
  }

  async #send(keys: Set<string>): Promise<ReadonlyMap<string, Loaded>> {
    try {
      return await this.#policy.execute(async () => {
        // Whoever asks while the batch waits for its turn, or in this same turn of the loop, comes along.
        await new Promise(setImmediate);
        if (this.#open?.keys === keys) this.#open = undefined;
        return this.#load([...keys]);
      });
    } catch (error) {
      if (this.#open?.keys === keys) this.#open = undefined;
      const detail =
        error instanceof BulkheadRejectedError
          ? 'too many reads are waiting for the database'
          : 'the database cannot be read';
      throw new CatalogError('unavailable', detail, { retryAfterSeconds: 1, cause: error });
    }
  }
}

async function withDeadline<T>(result: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new CatalogError('unavailable', 'the database is too slow', { retryAfterSeconds: 1 })),
      timings.load_ms,
    );
  });
  try {
    return await Promise.race([result, late]);
  } finally {
    clearTimeout(timer);
  }
}
