import { afterAll, expect, test } from 'vitest';
import { runningConsole } from '../testing/running-console.ts';
import { appPages } from './app-pages.ts';

const running = await runningConsole();
afterAll(() => running[Symbol.asyncDispose]());

async function pageOf(role: 'viewer' | 'admin', path: string): Promise<string> {
  const cookie = await running.signIn(role);
  const answer = await running.call('GET', path, { cookie, headers: { Accept: 'text/html' } });
  expect(answer.status).toBe(200);
  return answer.text();
}

const loadsIn = (page: string, rel: string): string[] =>
  [...page.matchAll(new RegExp(`<link rel="${rel}"[^>]* href="([^"]+)"`, 'g'))].map(([, href = '']) => href);

test.each(Object.keys(appPages))('the page %s names files that there are', async (path) => {
  const files = loadsIn(await pageOf('viewer', path.replace(':id', '1')), 'modulepreload');
  expect(new Set(files).size).toBe(files.length);
  for (const file of files) expect((await running.call('GET', file)).status).toBe(200);
});

test('a page names what it asks first, by the role of the person', async () => {
  expect(loadsIn(await pageOf('viewer', '/people'), 'preload')).toEqual(['/api/me', '/api/sessions']);
  expect(loadsIn(await pageOf('admin', '/people'), 'preload')).toEqual([
    '/api/me',
    '/api/sessions',
    '/api/users',
  ]);
  expect(loadsIn(await pageOf('viewer', '/products/a%2Fb'), 'preload')).toContain('/api/products/a%2Fb');
});

test('text in the address of a page stays text', async () => {
  for (const evil of [`"><script>alert(1)</script>`, `'$&$\`</head>`]) {
    const query = new URLSearchParams({ q: evil, key: evil, customerId: evil, user: evil });
    for (const path of [
      '/products',
      '/keys',
      '/orders',
      '/audit-log',
      `/products/${encodeURIComponent(evil)}`,
    ]) {
      const page = await pageOf('viewer', `${path}?${query}`);
      expect(page).not.toContain('<script>alert');
      expect(page.match(/<\/head>/g)).toHaveLength(1);
    }
  }
});
