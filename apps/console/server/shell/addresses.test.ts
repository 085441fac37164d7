import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { appPages } from './routes.ts';

const web = join(import.meta.dirname, '../../web');
const addressesIn = (file: string, pattern: RegExp): string[] =>
  [...readFileSync(join(web, file), 'utf8').matchAll(pattern)].map(([, path = '']) => path.replace('$', ':'));

test('the server sends the app for the addresses that the app has, and for no others', () => {
  expect(addressesIn('router.tsx', /^ {4}path: '(.+)',$/gm).toSorted()).toEqual([...appPages].toSorted());
});

test('the navigation and the command palette lead only to addresses of the app', () => {
  const places = addressesIn('shell/places.tsx', /\bto: '(.+?)'/g);
  expect(places.length).toBeGreaterThan(8);
  expect(places.filter((path) => !(appPages as readonly string[]).includes(path))).toEqual([]);
});
