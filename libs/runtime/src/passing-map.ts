/** Deletions after which another map begins: few enough that no chain of tables becomes long, and a copy costs little. */
const deletionsPerMap = 256;

/**
 * A map of keys that come and go all the time, such as the requests under way.
 *
 * V8 keeps a `Map` in a table. When deleted keys have left too many holes, it moves the map to another table, to which the old one
 * leads. An old table that has reached the old generation of the heap thus keeps all later ones alive, with all that was in them
 * when the map left them, until the next full collection. A read of Redis left 200 bytes in this way. So now and then the
 * keys move to a map that nothing leads to.
 */
export class PassingMap<Key, Value> {
  #map = new Map<Key, Value>();
  #deleted = 0;

  get size(): number {
    return this.#map.size;
  }

  get(key: Key): Value | undefined {
    return this.#map.get(key);
  }

  set(key: Key, value: Value): void {
    this.#map.set(key, value);
  }

  delete(key: Key): void {
    this.#map.delete(key);
    this.#deleted += 1;
    if (this.#deleted % deletionsPerMap === 0) this.#map = new Map(this.#map);
  }

  keys(): MapIterator<Key> {
    return this.#map.keys();
  }
}
