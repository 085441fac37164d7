/**
 * Gathers the keys that are asked for in one tick of the event loop and loads them together. A key that is asked
 * for twice in the tick is loaded once.
 */
export class TickBatch<Waiter, Value> {
  readonly #load: (wanted: ReadonlyMap<string, readonly Waiter[]>) => Promise<ReadonlyMap<string, Value>>;
  #gathered:
    | { readonly keys: Map<string, Waiter[]>; readonly loaded: Promise<ReadonlyMap<string, Value>> }
    | undefined;

  constructor(load: (wanted: ReadonlyMap<string, readonly Waiter[]>) => Promise<ReadonlyMap<string, Value>>) {
    this.#load = load;
  }

  async get(key: string, waiter: Waiter): Promise<Value> {
    const batch = (this.#gathered ??= this.#begin());
    const waiters = batch.keys.get(key);
    if (waiters === undefined) batch.keys.set(key, [waiter]);
    else waiters.push(waiter);
    const value = (await batch.loaded).get(key);
    if (value === undefined) throw new Error(`a batch was loaded without ${key}`);
    return value;
  }

  #begin() {
    const keys = new Map<string, Waiter[]>();
    const loaded = (async () => {
      // After the promises of this tick: what continues from one await asks in the same batch as what begins.
      await new Promise<void>((resolve) => {
        void Promise.resolve().then(() => process.nextTick(resolve));
      });
      this.#gathered = undefined;
      return this.#load(keys);
    })();
    return { keys, loaded };
  }
}
