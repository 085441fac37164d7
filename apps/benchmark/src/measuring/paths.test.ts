import { expect, test } from 'vitest';
import { goingOn } from './paths.ts';

const file = { file: 'paths', paths: Array.from({ length: 1_000 }, (_, index) => `/${index}`) };

test('each run goes on behind the last one, and at the end from the beginning', async () => {
  const route = goingOn(file);
  expect((await route.load()).start).toBe(0);
  expect(route.ran(500)).toBe(true);
  // Some more were under way at the end.
  expect((await route.load()).start).toBe(564);
  expect(route.sample()[0]).toBe('/564');
  expect(route.ran(500)).toBe(true);
  expect((await route.load()).start).toBe(128);
});

test('a run that begins again does not count where each path is sent once', () => {
  const route = goingOn(file, true);
  expect([route.ran(500), route.ran(300), route.ran(300)]).toEqual([true, true, false]);
});
