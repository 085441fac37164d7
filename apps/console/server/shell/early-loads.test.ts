import { expect, test } from 'vitest';
import { appPages } from './app-pages.ts';
import { earlyLoads, filesOf } from './early-loads.ts';

test('a page needs its own file and what that imports, except what the app has anyway', () => {
  const manifest = {
    'index.html': { file: 'assets/app.js', imports: ['_react.js'] },
    '_react.js': { file: 'assets/react.js' },
    'pages/a.tsx': { file: 'assets/a.js', imports: ['_react.js', '_table.js'] },
    // Files may import each other.
    '_table.js': { file: 'assets/table.js', imports: ['_cells.js', 'index.html'] },
    '_cells.js': { file: 'assets/cells.js', imports: ['_table.js'] },
    'pages/b.tsx': { file: 'assets/b.js', imports: [] },
  };
  expect(filesOf(manifest, 'pages/a.tsx')).toEqual(['assets/a.js', 'assets/table.js', 'assets/cells.js']);
  expect(filesOf(manifest, 'pages/b.tsx')).toEqual(['assets/b.js']);
  expect(filesOf(manifest, 'pages/none.tsx')).toEqual([]);
});

test('an address cannot leave its attribute', () => {
  const { text } = earlyLoads([], ['/api/products?q="><script>alert(1)</script>']);
  expect(text).toBe(
    '<link rel="preload" as="fetch" crossorigin href="/api/products?q=&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;" />',
  );
});

const asked = (path: string, query: Record<string, unknown> = {}, role: 'viewer' | 'admin' = 'viewer') =>
  appPages[path]?.asks({ id: 'an%20id', query, role });

test('the list of products is asked with its filters in one order, and without what is no filter', () => {
  const query = { sort: '-price', utm: 'x', minPrice: '2000', q: 'a&b', brand: '' };
  expect(asked('/products', query)).toEqual([
    '/api/products?q=a%26b&sort=-price&minPrice=2000&limit=50',
    '/api/products/facets?q=a%26b&minPrice=2000',
    '/api/settings',
  ]);
});

test('only for an admin the people are asked', () => {
  expect(asked('/people')).toEqual(['/api/sessions']);
  expect(asked('/people', {}, 'admin')).toEqual(['/api/sessions', '/api/users']);
});

test.each([
  ['product:1', '/api/products/1/readers'],
  ['sku:A/1', '/api/products/by-sku/A%2F1/readers'],
  ['app:settings', '/api/settings/readers'],
  ['report:sales:2026-11', '/api/keys?key=report%3Asales%3A2026-11'],
])('for the key %s its holders are asked at %s', (key, address) => {
  expect(asked('/keys', { key })?.[0]).toBe(address);
});
