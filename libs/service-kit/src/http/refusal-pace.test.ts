import { CatalogError } from '@catalog/contracts';
import { expect, test, vi } from 'vitest';
import { httpLimits } from './limits.ts';
import { RefusalPace } from './refusal-pace.ts';
import { startTestService } from './service.fixture.ts';

test('refusals wait, and leave one after the other, but none waits for longer than the most', () => {
  let now_ms = 0;
  const pace = new RefusalPace(() => now_ms);
  const { refusal_ms, refusalsApart_ms, slowestRefusal_ms } = httpLimits;
  expect(pace.next_ms(refusal_ms)).toBe(refusal_ms);
  expect(pace.next_ms(refusal_ms)).toBe(refusal_ms + refusalsApart_ms);
  for (let n = 0; n < 10_000; n++) pace.next_ms(refusal_ms);
  expect(pace.next_ms(refusal_ms)).toBe(slowestRefusal_ms);
  now_ms += slowestRefusal_ms;
  expect(pace.next_ms(refusal_ms)).toBe(refusal_ms);
});

test('one request without a valid token is refused at once, and many of them one after the other', async () => {
  await using service = await startTestService({
    routes(app) {
      app.use((_req, _res, next) => next(new CatalogError('unauthenticated', 'Send a token.')));
    },
  });
  const took_ms = async (requests: number) => {
    const began_ms = performance.now();
    const asked = Array.from({ length: requests }, () => fetch(service.url));
    for (const { status } of await Promise.all(asked)) expect(status).toBe(401);
    return performance.now() - began_ms;
  };
  await took_ms(1);
  expect(await took_ms(1)).toBeLessThan(httpLimits.refusal_ms);
  // At a thousand a second, they would show how fast this machine is.
  vi.spyOn(httpLimits as { refusalsApart_ms: number }, 'refusalsApart_ms', 'get').mockReturnValue(50);
  expect(await took_ms(30)).toBeGreaterThan(29 * 50);
  vi.restoreAllMocks();
});
