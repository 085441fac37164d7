import { CatalogError } from '@catalog/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Utf8Text } from './utf8-text.ts';

function read(...chunks: Buffer[]): string {
  const text = new Utf8Text();
  return chunks.map((chunk) => text.push(chunk)).join('') + text.end();
}

function pieces(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

test('text is decoded whole, wherever the chunks are cut', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 7 }), (written, size) => {
      const text = written
        .toWellFormed()
        .replaceAll('\0', '')
        .replace(/^\uFEFF/, '');
      expect(read(...pieces(Buffer.from(text), size))).toBe(text);
    }),
  );
});

test('a UTF-8 byte-order mark is dropped, even when it arrives byte by byte', () => {
  expect(read(...pieces(Buffer.from('\uFEFFsku\n'), 1))).toBe('sku\n');
});

test.each([
  ['UTF-16 (little endian)', Buffer.from('\uFEFFsku,name\n', 'utf16le')],
  ['UTF-16 (big endian)', Buffer.from('\uFEFFsku,name\n', 'utf16le').swap16()],
  ['UTF-16 (little endian)', Buffer.from('sku,name\n', 'utf16le')],
  ['UTF-16 (big endian)', Buffer.from('sku,name\n', 'utf16le').swap16()],
])('%s is refused, and the refusal names it', (name, bytes) => {
  expect(() => read(bytes)).toThrow(name);
});

test('the refusal of Latin-1 names encoding and line', () => {
  const bytes = Buffer.concat([Buffer.from('sku,name\nA,b\n'), Buffer.from('B,Küche\n', 'latin1')]);
  for (const size of [1, 3, 1000]) {
    expect(() => read(...pieces(bytes, size))).toThrow(/Line 3 is not UTF-8.*Latin-1/);
  }
});

test('a file that ends inside a character is refused', () => {
  expect(() => read(Buffer.from('sku,ü').subarray(0, 5))).toThrow(CatalogError);
});
