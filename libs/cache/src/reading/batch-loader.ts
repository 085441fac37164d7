import { limits } from '../timings.ts';
import type { Loaded } from '../redis/entry-store.ts';
import type { LoadGuard } from './load-guard.ts';

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

/** How long somebody waits, by `performance.now()`; of several that share a read, the most patient one. */
export interface Patience {
  until_ms: number;
}

interface Batch {
  readonly keys: Set<string>;
  /** Of each who joined; what is still to be shared may become more patient. */
  readonly patience: Patience[];
  readonly result: Promise<ReadonlyMap<string, Loaded>>;
}

/**
 * Reads of Postgres, many keys to a query.
 *
 * A key joins only a batch that has not been sent: what was asked before a caller got its lease may be
 * older than the invalidation that came before the lease.
 */
export class BatchLoader {
  readonly #load: Load;
  readonly #guard: LoadGuard;
  #open: Batch | undefined;

  constructor(load: Load, guard: LoadGuard) {
    this.#load = load;
    this.#guard = guard;
  }

  /**
   * @param patience a batch is not sent when all who joined it have given up
   * @throws what the guard throws
   */
  async load(key: string, patience: Patience = { until_ms: Number.POSITIVE_INFINITY }): Promise<Loaded> {
    const found = (await this.#joinOrOpen(key, patience).result).get(key);
    if (found === undefined) throw new Error(`the loader left out ${key}`);
    return found;
  }

  #joinOrOpen(key: string, patience: Patience): Batch {
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

  async #send(keys: Set<string>, patience: readonly Patience[]): Promise<ReadonlyMap<string, Loaded>> {
    const close = () => {
      if (this.#open?.keys === keys) this.#open = undefined;
    };
    try {
      const send = async () => {
        // Whoever asks while the batch waits for its turn, or in this same turn of the loop, comes along.
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
