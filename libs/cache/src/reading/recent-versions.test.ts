import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecentVersions } from './recent-versions.ts';

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const step = fc.record({
  key,
  version: fc.nat({ max: 9 }),
  does: fc.constantFrom('raise', 'raise', 'delete', 'clear'),
});

/** As the class says it, with maps of texts. */
class Model {
  readonly #limit: number;
  #young = new Map<string, number>();
  #old = new Map<string, number>();
  /** Deleted keys keep their places until the tables take turns. */
  #places = new Set<string>();
  readonly forgotten: number[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get = (key: string) => this.#young.get(key) ?? this.#old.get(key);

  raise(key: string, version: number): void {
    const highest = Math.max(this.get(key) ?? 0, version);
    this.#old.delete(key);
    if (!this.#young.has(key) && this.#places.size >= this.#limit) {
      this.forgotten.push(...this.#old.values());
      this.#old = this.#young;
      this.#young = new Map();
      this.#places = new Set();
    }
    this.#young.set(key, highest);
    this.#places.add(key);
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
    this.#places.clear();
  }
}

test('it remembers what maps of texts would, and tells of each version that it forgets', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (steps, limit) => {
      const model = new Model(limit);
      const forgotten: number[] = [];
      const versions = new RecentVersions(limit, (version) => forgotten.push(version));
      for (const { key, version, does } of steps) {
        if (does === 'clear') for (const each of [model, versions]) each.clear();
        else if (does === 'delete') for (const each of [model, versions]) each.delete(key);
        else {
          expect(versions.raise(key, version)).toBe(model.get(key));
          model.raise(key, version);
        }
        for (const other of ['a', 'b', 'c', 'd', 'e', 'f'])
          expect(versions.get(other)).toBe(model.get(other));
        const sorted = (versions: readonly number[]) => versions.toSorted((a, b) => a - b);
        expect(sorted(forgotten)).toEqual(sorted(model.forgotten));
      }
    }),
  );
});

test('versions are exact up to the highest one', () => {
  const versions = new RecentVersions(10, () => undefined);
  for (const version of [0, 1, Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER]) {
    versions.raise('key', version);
    expect(versions.get('key')).toBe(version);
  }
});

test('of 100,000 keys, none is taken for another', () => {
  const versions = new RecentVersions(50_000, () => undefined);
  const keyOf = (n: number) => `product:01910000-0000-7000-8000-${String(n).padStart(12, '0')}`;
  for (let n = 0; n < 100_000; n++) expect(versions.raise(keyOf(n), n)).toBeUndefined();
  for (let n = 0; n < 100_000; n++) expect(versions.get(keyOf(n))).toBe(n);
});
