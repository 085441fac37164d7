import { RecentKeys } from './recent-keys.ts';
import { RecentVersions } from './recent-versions.ts';

/**
 * Remembers the highest version of each key that this process has served, so that it never serves a lower one: neither
 * from a stale copy while the stores are away, nor by joining a read that began earlier.
 *
 * It remembers `limit` keys at least, and forgets those that were not served for longest. An answer can be overtaken only
 * while a read takes, about a second, so the promise holds while fewer than `limit` keys are read in that time.
 * A stale copy may be of any age. For a forgotten key it is therefore compared with the highest version ever forgotten.
 * This may refuse a copy that could be served, but it never serves one that must not be.
 *
 * While the incarnation is unknown, what Redis holds is served marked stale. It may be left from an earlier incarnation,
 * with versions that Postgres does not have any more. Such a version counts until the incarnation is known, and
 * afterwards only if the entry was of that incarnation. If Postgres has not gone back, this is safe: a
 * read in the new incarnation comes after everything that was stored in an earlier one.
 *
 * When Postgres has gone back, the versions served before are forgotten, for one key or for all. The race: a read
 * that began before may bring its old answer afterwards. So a read takes a mark when it begins, and is repeated if its
 * key was forgotten since.
 */
export class MonotonicReads {
  readonly #served: RecentVersions;
  readonly #unproved: RecentKeys<{ readonly version: number; readonly stamp: string }>;
  /** The highest version of a key that is not remembered. */
  #forgotten = 0;
  /** Grows with each call of `forget` and `forgetAll`. */
  #mark = 0;
  #allForgottenAt = 0;
  readonly #forgottenAt: RecentKeys<number>;

  constructor(limit = 50_000) {
    this.#served = new RecentVersions(limit, (version) => {
      if (version > this.#forgotten) this.#forgotten = version;
    });
    // It counts as served, so that nothing older is served after it.
    this.#unproved = new RecentKeys(limit, (key, { version }) => void this.note(key, version));
    // A read that began before so many calls of `forget` is repeated in any case.
    this.#forgottenAt = new RecentKeys(rememberedForgets, (_, mark) => {
      if (mark > this.#allForgottenAt) this.#allForgottenAt = mark;
    });
  }

  /** Whether a copy of unknown age may be served. */
  permits(key: string, version: number): boolean {
    return version >= (this.#served.get(key) ?? this.#forgotten) && !this.#isBelowUnproved(key, version);
  }

  /** Whether a newer version was served while this one was being read. */
  isOvertaken(key: string, version: number): boolean {
    const served = this.#served.get(key);
    return (served !== undefined && version < served) || this.#isBelowUnproved(key, version);
  }

  /** @returns the version that was remembered before */
  note(key: string, version: number): number | undefined {
    return this.#served.raise(key, version);
  }

  /** @param stamp the incarnation of the entry that was served */
  noteUnproved(key: string, version: number, stamp: string): void {
    this.#unproved.set(key, { version, stamp });
  }

  /** The incarnation of the stores is known, or of one shard of the cache: `isOfShard` tells its keys. */
  prove(incarnation: string, isOfShard: (key: string) => boolean = () => true): void {
    const others: [string, { readonly version: number; readonly stamp: string }][] = [];
    for (const [key, unproved] of this.#unproved) {
      if (!isOfShard(key)) others.push([key, unproved]);
      else if (unproved.stamp === incarnation) this.note(key, unproved.version);
    }
    this.#unproved.clear();
    for (const [key, unproved] of others) this.#unproved.set(key, unproved);
  }

  /** For a read that begins. */
  mark(): number {
    return this.#mark;
  }

  /** Whether the key was forgotten since the mark, so that an answer read since then may be too old. */
  isForgottenSince(key: string, mark: number): boolean {
    if (mark === this.#mark) return false;
    return mark < this.#allForgottenAt || mark < (this.#forgottenAt.get(key) ?? 0);
  }

  /** Postgres holds an older version of the key than this process may have served. */
  forget(key: string): void {
    this.#mark += 1;
    this.#served.delete(key);
    this.#unproved.delete(key);
    this.#forgottenAt.set(key, this.#mark);
  }

  /** Postgres has gone back. */
  forgetAll(): void {
    this.#mark += 1;
    this.#allForgottenAt = this.#mark;
    this.#forgottenAt.clear();
    this.#served.clear();
    this.#unproved.clear();
    this.#forgotten = 0;
  }

  #isBelowUnproved(key: string, version: number): boolean {
    if (this.#unproved.isEmpty) return false;
    const unproved = this.#unproved.get(key);
    return unproved !== undefined && version < unproved.version;
  }
}

/** Reads take less than a second. The auditor and a purge of single keys forget far fewer keys in that time. */
const rememberedForgets = 10_000;
