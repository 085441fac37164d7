import { expect, test } from 'vitest';
import { detailText, type Action } from './actions.ts';

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

test('a file is named by its rules, without the columns that only the service reads', () => {
  const sent = { mode: 'reject-all', dryRun: 'true', onExisting: 'update', columns: '"Title:name"' };
  expect(detailText(action('product.import', sent), undefined)).toBe('mode: reject-all, on existing: update');
});

test('other things that were sent keep their names', () => {
  expect(detailText(action('stock.adjust', { delta: -2, reason: 'lost' }), undefined)).toBe(
    'delta: -2, reason: lost',
  );
});
