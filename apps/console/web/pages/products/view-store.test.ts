import { expect, test } from 'vitest';
import { keepViews, mostViews, savedViews, withView } from './view-store.ts';

function storage(text: string | null = null) {
  return { getItem: () => text, setItem: (_: string, next: string) => void (text = next) };
}

test('a view is kept under its name, and replaces one of the same name', () => {
  const kept = storage();
  keepViews(withView([], { name: 'Lamps', search: { category: 'light' } }), kept);
  keepViews(withView(savedViews(kept), { name: 'Cheap', search: { maxPrice: 999 } }), kept);
  keepViews(withView(savedViews(kept), { name: 'Lamps', search: { q: 'lamp', sort: '-price' } }), kept);
  expect(savedViews(kept)).toEqual([
    { name: 'Cheap', search: { maxPrice: 999 } },
    { name: 'Lamps', search: { q: 'lamp', sort: '-price' } },
  ]);
});

test.each(['no JSON', '{}', 'null', '[null]', '[{"name":1}]', '[{"name":"x"}]'])(
  'what is stored as %s counts as no view',
  (text) => expect(savedViews(storage(text))).toEqual([]),
);

test('a stored filter that does not exist any more is dropped', () => {
  const text = JSON.stringify([{ name: 'Old', search: { brand: 'NodOn', colour: 'red', status: 'gone' } }]);
  expect(savedViews(storage(text))).toEqual([{ name: 'Old', search: { brand: 'NodOn' } }]);
});

test('the number of views is limited', () => {
  let views = savedViews(storage());
  for (let n = 0; n <= mostViews; n++) views = withView(views, { name: `View ${n}`, search: { q: `${n}` } });
  expect(views).toHaveLength(mostViews);
});
