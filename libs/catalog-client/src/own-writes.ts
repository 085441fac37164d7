import { LRUCache } from 'lru-cache';

/** Far more keys than a service writes while the caches are behind. Each takes some hundred bytes. */
const maxKeys = 10_000;

/** The version of this client's last write of each key, so that the client reads its own writes. */
export class OwnWrites {
  readonly #versions = new LRUCache<string, number>({ max: maxKeys });

  note(key: string, version: number): void {
    this.#versions.set(key, Math.max(version, this.versionOf(key)));
  }

  /** 0 for a key that this client has not written. */
  versionOf(key: string): number {
    return this.#versions.get(key) ?? 0;
  }

  forget(key: string): void {
    this.#versions.delete(key);
  }
}
