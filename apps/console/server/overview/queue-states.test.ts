import { expect, test } from 'vitest';
import { z } from 'zod';
import { readableReason } from './queue-states.ts';

const whyRefused = (value: unknown): string =>
  z.object({ keys: z.array(z.string()).min(1) }).safeParse(value).error?.message ?? '';

test('the faults of the data of a job are told as a sentence, not as JSON', () => {
  expect(readableReason(whyRefused({ keys: [] }))).toBe('keys: Too small: expected array to have >=1 items');
  expect(readableReason(whyRefused({ keys: [1, 'a', 2] }))).toBe(
    'keys: 0: Invalid input: expected string, received number; keys: 2: Invalid input: expected string, received number',
  );
});

test.each(['connect ECONNREFUSED 127.0.0.1:6379', '', '[]', '[1]', '{"message":"x"}', '["a"'])(
  'every other reason stays as it is: %s',
  (reason) => expect(readableReason(reason)).toBe(reason),
);
