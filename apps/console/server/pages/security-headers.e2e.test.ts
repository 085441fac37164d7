import fs, { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { builtApp } from '../shell/assets.ts';
import { runningConsole } from '../testing/running-console.ts';

const running = await runningConsole();
afterAll(() => running[Symbol.asyncDispose]());

const addresses = [
  '/',
  '/api/state',
  '/sign-in',
  '/queues/',
  '/queues/queue/refresh',
  '/queues/api/queues',
  '/queues/static/favicon.ico',
  '/assets/page.css',
  '/no-such-address',
];

test.each(addresses)('%s sends the security headers, with and without a session', async (address) => {
  const cookie = await running.signIn('admin');
  for (const headers of [{}, { Accept: 'text/html' }]) {
    for (const who of [cookie, undefined]) {
      const answer = await running.call('GET', address, { cookie: who, headers });
      const policy = answer.headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).toContain("script-src 'self';");
      expect(policy).toContain("form-action 'self'");
      expect(policy).toContain("base-uri 'self'");
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('x-frame-options')).toBe('DENY');
      expect(answer.headers.has('x-powered-by')).toBe(false);
      if (answer.headers.get('content-type')?.startsWith('text/html') === true)
        expect(answer.headers.get('cache-control')).toBe('no-store');
    }
  }
});

test.each(['/', '/sign-in', '/queues/', '/no-such-address'])(
  'the page %s names no other host',
  async (address) => {
    const cookie = address === '/sign-in' ? undefined : await running.signIn('admin');
    const answer = await running.call('GET', address, { cookie, headers: { Accept: 'text/html' } });
    const text = await answer.text();
    expect(answer.headers.get('content-type')).toContain('text/html');
    expect(text).toContain('<html');
    expect(text).not.toMatch(/(?:src|href|action)="(?:https?:)?\/\//);
  },
);

test('the files of the app load nothing from another host', () => {
  const folder = join(builtApp, 'assets');
  const files = readdirSync(folder).filter((file) => !file.endsWith('.br'));
  expect(files.length).toBeGreaterThan(3);
  for (const file of files) {
    const text = readFileSync(join(folder, file), 'utf8');
    // Libraries name pages about their errors, and the namespaces of XML. Neither is ever loaded.
    expect(text).not.toMatch(/(?:import|fetch|EventSource|src=|url)\(?\s*["'`(]https?:/);
  }
});

test('what everybody may ask for takes no thread to read a file', async () => {
  const opened = vi.spyOn(fs, 'createReadStream');
  const [built = ''] = readdirSync(join(builtApp, 'assets'));
  for (const file of [built, 'page.css', 'mark.svg']) {
    const answer = await running.call('GET', `/assets/${file}`);
    expect([answer.status, (await answer.text()).length > 100]).toEqual([200, true]);
    const etag = answer.headers.get('etag') ?? '';
    const headers = { 'If-None-Match': etag, 'Cache-Control': 'max-age=0' };
    const again = await running.call('GET', `/assets/${file}`, { headers });
    expect(again.status).toBe(304);
  }
  expect(opened).not.toHaveBeenCalled();
  opened.mockRestore();
});
