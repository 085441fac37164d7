import { expect, test } from 'vitest';
import { CallerPlaces } from './caller-places.ts';

const options = { what: 'exports', mostPerCaller: 2, most: 3, retryAfter_s: 10 };

test('one caller gets a part of the places, and all together get all of them', () => {
  const places = new CallerPlaces(options);
  const first = places.take('a');
  places.take('a');
  expect(() => places.take('a')).toThrow(
    expect.objectContaining({
      code: 'rate_limited',
      message: 'This caller has 2 exports under way, the most that it may have.',
      retryAfterSeconds: 10,
    }),
  );
  places.take('b');
  expect(() => places.take('c')).toThrow(expect.objectContaining({ code: 'unavailable' }));
  // Given back twice, it is one place.
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  places.take('c');
  expect(() => places.take('c')).toThrow(expect.objectContaining({ code: 'unavailable' }));
});
