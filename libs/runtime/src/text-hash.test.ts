import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TextHash } from './text-hash.ts';

const hashOf = (hash: TextHash, text: string, behind?: string) => {
  hash.of(text);
  if (behind !== undefined) hash.and(behind);
  return [hash.slot, hash.id];
};

test('equal texts have one hash, and others have another', () => {
  const hash = new TextHash();
  const texts = fc.tuple(fc.string(), fc.option(fc.string(), { nil: undefined }));
  fc.assert(
    fc.property(texts, texts, ([text, behind], [other, otherBehind]) => {
      const found = hashOf(hash, text, behind);
      expect(hashOf(hash, text, behind)).toEqual(found);
      const isEqual = text === other && behind === otherBehind;
      if (!isEqual) expect(hashOf(hash, other, otherBehind)).not.toEqual(found);
    }),
    { numRuns: 2_000 },
  );
});

test('two texts are kept apart', () => {
  const hash = new TextHash();
  expect(hashOf(hash, 'ab', 'c')).not.toEqual(hashOf(hash, 'a', 'bc'));
  expect(hashOf(hash, 'ab', '')).not.toEqual(hashOf(hash, 'ab'));
});

test('who knows the texts does not know which share a place of a table', () => {
  const texts = Array.from({ length: 20_000 }, (_, n) => `sku:${n}`);
  const slotOf = (hash: TextHash, text: string) => (hashOf(hash, text)[0] ?? 0) & 0xff;
  const known = new TextHash();
  const chosen = texts.filter((text) => slotOf(known, text) === 7);
  expect(chosen.length).toBeGreaterThan(40);
  const other = new TextHash();
  const places = new Set(chosen.map((text) => slotOf(other, text)));
  expect(places.size).toBeGreaterThan(chosen.length / 3);
});
