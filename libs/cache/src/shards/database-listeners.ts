import type { DatabaseIncarnations } from '../redis/cache-connection.ts';

type Listener = (found: { readonly incarnation: string }) => void;

/** Listens to a database for connections of shards, which come and go. A pool keeps its listeners for ever. */
export class DatabaseListeners {
  readonly #database: DatabaseIncarnations;
  readonly #listeners = new Set<Listener>();

  constructor(database: DatabaseIncarnations) {
    this.#database = database;
    database.onIncarnation?.((found) => {
      for (const listener of this.#listeners) listener(found);
    });
  }

  /** The same database, for one connection. After `close` it calls nobody back. */
  open(): DatabaseIncarnations & { close(): void } {
    let own: Listener | undefined;
    return {
      currentIncarnation: () => this.#database.currentIncarnation(),
      onIncarnation: (listener) => {
        own = listener;
        this.#listeners.add(listener);
      },
      close: () => {
        if (own !== undefined) this.#listeners.delete(own);
      },
    };
  }
}
