import { expect, test } from 'vitest';
import { lists } from './answer.ts';

const etag = '"4711-1"';

test.each([
  [etag, true],
  [`W/${etag}`, true],
  [`"1-1", ${etag}`, true],
  [`"1-1" ,\tW/${etag} , "2-1"`, true],
  ['*', true],
  [' * ', true],
  ['', false],
  ['"471-1"', false],
  ['4711-1', false],
  [`x${etag}`, false],
  [`W${etag}`, false],
  [`${etag}x`, false],
  [`"x"${etag}"y"`, false],
  [`*,${etag}x`, false],
  [`${etag}x, ${etag}`, true],
])('If-None-Match: %s names the tag: %s', (header, isListed) => {
  expect(lists(header, etag)).toBe(isListed);
});

const headerOf = (part: string): string => `${part.repeat(Math.floor(16_000 / part.length))}x`;

function time_ms(look: () => boolean): number {
  const began_ms = performance.now();
  for (let n = 0; n < 200; n++) look();
  return performance.now() - began_ms;
}

test.each([',', `${etag}x,`, `${etag}   x`, `${etag} `])(
  'a header full of %j takes a fraction of the time in which a list of thousands is taken apart',
  (part) => {
    const [header, thousands] = [headerOf(part), headerOf(',')];
    expect(lists(header, etag)).toBe(false);
    const apart_ms = time_ms(() =>
      thousands.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag),
    );
    expect(time_ms(() => lists(header, etag))).toBeLessThan(apart_ms / 2);
  },
);
