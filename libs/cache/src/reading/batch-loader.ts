import type { PrimaryRead } from '../redis/entry-store.ts';
import { limits } from '../timings.ts';
import type { Patience } from './flights.ts';
import type { LoadGuard } from './load-guard.ts';

/** Reads these keys from Postgres in one snapshot. Each key gets an answer: its row, or null with the version of its absence. */
export type Loader<Body extends object> = (
  keys: readonly string[],
) => Promise<ReadonlyMap<string, { readonly version: number; readonly body: Body | null }>>;

/** A `Loader` that answers with the bytes that are stored, and served as they are. */
export type PayloadLoader = (keys: readonly string[]) => Promise<ReadonlyMap<string, PrimaryRead>>;

export function loadPayloads(load: Loader<object>): PayloadLoader {
  return async (keys) => {
    const reads = new Map<string, PrimaryRead>();
    for (const [key, { version, body }] of await load(keys)) {
      reads.set(key, { version, payload: body === null ? null : Buffer.from(JSON.stringify(body)) });
    }
    return reads;
  };
}

interface Batch {
  readonly keys: Set<string>;
  /** One for each caller that joined. A flight may still become more patient. */
  readonly patience: Readonly<Patience>[];
  readonly result: Promise<ReadonlyMap<string, PrimaryRead>>;
}

const patient: Patience = { until_ms: Number.POSITIVE_INFINITY };

/**
 * Reads of Postgres, many keys in a query.
 *
 * A key joins only a batch that is not sent yet. A query that was sent before the caller got its lease may have read
 * something older than the invalidation that came before the lease.
 */
export class BatchLoader {
  readonly #load: PayloadLoader;
  readonly #guard: LoadGuard;
  #open: Batch | undefined;

  constructor(load: PayloadLoader, guard: LoadGuard) {
    this.#load = load;
    this.#guard = guard;
  }

  /**
   * @param patience a batch is not sent once every caller that joined it has given up
   * @throws what the guard throws
   */
  async load(key: string, patience: Readonly<Patience> = patient): Promise<PrimaryRead> {
    const found = (await this.#joinOrOpen(key, patience).result).get(key);
    if (found === undefined) throw new Error(`the loader has no answer for ${key}; every key needs one`);
    return found;
  }

  #joinOrOpen(key: string, patience: Readonly<Patience>): Batch {
    const open = this.#open;
    if (open !== undefined && (open.keys.size < limits.loadBatch || open.keys.has(key))) {
      open.keys.add(key);
      open.patience.push(patience);
      return open;
    }
    const keys = new Set([key]);
    const waiting = [patience];
    const batch: Batch = { keys, patience: waiting, result: this.#send(keys, waiting) };
    this.#open = batch;
    return batch;
  }

  async #send(
    keys: Set<string>,
    patience: readonly Readonly<Patience>[],
  ): Promise<ReadonlyMap<string, PrimaryRead>> {
    const close = () => {
      if (this.#open?.keys === keys) this.#open = undefined;
    };
    try {
      const send = async () => {
        // Callers join while the batch waits for the guard, and in this turn of the event loop.
        await new Promise(setImmediate);
        close();
        return this.#load([...keys]);
      };
      return await this.#guard(send, () => {
        const now = performance.now();
        return patience.some(({ until_ms }) => until_ms > now);
      });
    } finally {
      close();
    }
  }
}
