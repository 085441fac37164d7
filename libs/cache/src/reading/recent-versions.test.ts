import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecentKeys } from './recent-keys.ts';
import { RecentVersions } from './recent-versions.ts';

const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
const key = fc.constantFrom(...keys);
const step = fc.record({
  key,
  version: fc.nat({ max: 9 }),
  clears: fc.constantFrom(false, false, false, true),
});
const sorted = (versions: readonly number[]) => versions.toSorted((a, b) => a - b);

test('it remembers and forgets the versions that maps of texts would', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), (steps, limit) => {
      const forgotten = { texts: [] as number[], hashes: [] as number[] };
      const texts = new RecentKeys<number>(limit, (_, version) => forgotten.texts.push(version));
      const hashes = new RecentVersions(limit, (version) => forgotten.hashes.push(version));
      for (const { key, version, clears } of steps) {
        if (clears) for (const each of [texts, hashes]) each.clear();
        const before = texts.get(key);
        expect(hashes.raise(key, version)).toBe(before);
        texts.set(key, Math.max(before ?? 0, version));
        for (const other of keys) expect(hashes.get(other)).toBe(texts.get(other));
        expect(sorted(forgotten.hashes)).toEqual(sorted(forgotten.texts));
      }
    }),
  );
});

test('a deleted key is forgotten, and no other one', () => {
  fc.assert(
    fc.property(fc.array(step), fc.array(key), (steps, deleted) => {
      const versions = new RecentVersions(3, () => undefined);
      for (const { key, version } of steps) versions.raise(key, version);
      for (const gone of deleted) {
        const before = new Map(keys.map((other) => [other, versions.get(other)]));
        versions.delete(gone);
        for (const other of keys)
          expect(versions.get(other)).toBe(other === gone ? undefined : before.get(other));
      }
      const [gone] = deleted;
      if (gone !== undefined) expect(versions.raise(gone, 1)).toBeUndefined();
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
