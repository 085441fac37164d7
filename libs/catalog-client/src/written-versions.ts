import { LRUCache } from 'lru-cache';

/** Far more than a service writes while caches are behind; each takes some hundred bytes. */
const remembered = 10_000;

/** The version that this client's last write of each key made: what it wrote, it reads. */
export class WrittenVersions {
  readonly #versions = new LRUCache<string, number>({ max: remembered });

  note(key: string, version: number): void {
    this.#versions.set(key, Math.max(version, this.of(key)));
  }

  /** 0 where nothing was written. */
  of(key: string): number {
    return this.#versions.get(key) ?? 0;
  }

  forget(key: string): void {
    this.#versions.delete(key);
  }
}
