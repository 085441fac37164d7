import { expect, test } from 'vitest';
import { httpLimits } from './limits.ts';
import { RefusalPace } from './refusal-pace.ts';

test('refusals wait, and leave one after the other, but none waits for longer than the most', () => {
  let now_ms = 0;
  const pace = new RefusalPace(() => now_ms);
  const { refusal_ms, refusalsApart_ms, slowestRefusal_ms } = httpLimits;
  expect(pace.next_ms()).toBe(refusal_ms);
  expect(pace.next_ms()).toBe(refusal_ms + refusalsApart_ms);
  for (let n = 0; n < 10_000; n++) pace.next_ms();
  expect(pace.next_ms()).toBe(slowestRefusal_ms);
  now_ms += slowestRefusal_ms;
  expect(pace.next_ms()).toBe(refusal_ms);
});
