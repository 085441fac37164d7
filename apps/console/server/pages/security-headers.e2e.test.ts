import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runningConsole } from '../testing/running-console.ts';

const running = await runningConsole();
afterAll(() => running[Symbol.asyncDispose]());

const addresses = [
  '/',
  '/state',
  '/sign-in',
  '/queues/',
  '/queues/queue/refresh',
  '/queues/api/queues',
  '/queues/static/favicon.ico',
  '/assets/console.css',
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

test('the static files name no other host', () => {
  const folder = join(import.meta.dirname, '../../web');
  for (const file of readdirSync(folder).filter((name) => /\.(?:css|js)$/.test(name)))
    expect(readFileSync(join(folder, file), 'utf8')).not.toMatch(/https?:\/\//);
});
