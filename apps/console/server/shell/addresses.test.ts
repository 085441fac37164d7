import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { appPages } from './app-pages.ts';

const web = join(import.meta.dirname, '../../web');
const addressesIn = (file: string, pattern: RegExp): string[] =>
  [...readFileSync(join(web, file), 'utf8').matchAll(pattern)].map(([, path = '']) => path.replace('$', ':'));

test('the server sends the app for the addresses that the app has, with the file of each page', () => {
  const routes = readFileSync(join(web, 'router.tsx'), 'utf8').matchAll(
    /^ {4}path: '(.+)',$[^]*?import\('\.\/(.+?)'\)/gm,
  );
  const files = [...routes].map(([, path = '', file]) => [path.replace('$', ':'), file]);
  expect(Object.fromEntries(files)).toEqual(
    Object.fromEntries(Object.entries(appPages).map(([path, { file }]) => [path, file])),
  );
});

test('the navigation and the command palette lead only to addresses of the app', () => {
  const places = addressesIn('shell/places.tsx', /\bto: '(.+?)'/g);
  expect(places.length).toBeGreaterThan(8);
  expect(places.filter((path) => !Object.hasOwn(appPages, path))).toEqual([]);
});
