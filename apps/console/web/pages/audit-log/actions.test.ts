import { expect, test } from 'vitest';
import { detailText, recordsText, sentenceOf, type Action } from './actions.ts';

const action = (name: string, detail: unknown): Action => ({
  id: '1',
  username: 'ann',
  action: name,
  target: null,
  status: 200,
  detail,
  actedAt: '2026-11-28T10:41:00Z',
});

test('what was sent of a product is shown in the units of people', () => {
  const change = action('product.update', { priceMinor: 2499, weightGrams: 12_500, name: 'Relay' });
  expect(detailText(change, 'EUR')).toBe('price: 24.99 EUR, weight: 12.5 kg, name: Relay');
});

test('the price of a product whose currency nobody knows stays as it was sent, without a currency', () => {
  expect(detailText(action('product.update', { priceMinor: 2499 }), undefined)).toBe('price minor: 2499');
});

test('of a file the rules are shown, without the columns that only the service reads', () => {
  const sent = {
    mode: 'reject-all',
    dryRun: 'true',
    onExisting: 'update',
    columns: '"Title:name"',
    failed: 0,
  };
  expect(detailText(action('product.import', sent), undefined)).toBe('mode: reject-all, on existing: update');
});

test('of an import the log says what became of the records', () => {
  const counts = { received: 1_204, created: 1_000, updated: 200, unchanged: 3, skipped: 0, failed: 1 };
  const imported = action('product.import', counts);
  expect([sentenceOf(imported), recordsText(imported)]).toEqual([
    'imported a file',
    '1,000 created, 200 changed, 1 failed',
  ]);
  const checked = action('product.import', { ...counts, dryRun: 'true', file: 'prices.csv' });
  expect([sentenceOf(checked), recordsText(checked)]).toEqual([
    'checked the file',
    'would create 1,000 and change 200, 1 failed',
  ]);
  expect(recordsText({ ...imported, status: 422 })).toBe('1 of 1,204 records failed, so nothing changed');
  expect(recordsText(action('product.import', {}))).toBe('');
  expect(recordsText(action('product.update', counts))).toBe('');
});

test('other things that were sent keep their names', () => {
  expect(detailText(action('stock.adjust', { delta: -2, reason: 'lost' }), undefined)).toBe(
    'delta: -2, reason: lost',
  );
});
