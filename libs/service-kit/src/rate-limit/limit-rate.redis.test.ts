import { RateLimiter } from '@catalog/redis';
import { startRedis } from '@catalog/testing';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { httpLimits } from '../http/limits.ts';
import { startTestService } from '../http/service.fixture.ts';
import { limitRate } from './limit-rate.ts';

test('over HTTP the limit is a 429 with Retry-After, and every answer says how many requests are left', async () => {
  const server = await startRedis();
  const redis = new Redis(server.url);
  onTestFinished(async () => {
    redis.disconnect();
    await server.stop();
  });
  const errors: unknown[] = [];
  const limiter = new RateLimiter({
    redis,
    name: 'test',
    limit: 3,
    window_ms: 60_000,
    // A busy test machine may pause a Redis that works.
    wait_ms: 10_000,
    now: () => 0,
    onError: (error) => errors.push(error),
  });
  await using service = await startTestService({
    routes(app) {
      app.get('/v1/things', limitRate(limiter), (_req, res) => {
        res.json('ok');
      });
    },
  });
  const answers = [];
  for (let n = 0; n < 3; n++) answers.push(await fetch(`${service.url}/v1/things`));
  const refused_ms = performance.now();
  answers.push(await fetch(`${service.url}/v1/things`));
  // A caller that asks again at once after each refusal would otherwise cost as much as one that is served.
  expect(performance.now() - refused_ms).toBeGreaterThan(httpLimits.refusal_ms - 5);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
  expect(answers.map(({ headers }) => headers.get('ratelimit'))).toEqual([
    '"default";r=2;t=60',
    '"default";r=1;t=60',
    '"default";r=0;t=60',
    '"default";r=0;t=60',
  ]);
  expect(answers[0]?.headers.get('ratelimit-policy')).toBe('"default";q=3;w=60');
  expect(answers[3]?.headers.get('retry-after')).toBe('60');
  expect(await answers[3]?.json()).toMatchObject({ code: 'rate_limited' });
  expect(errors).toEqual([]);
});
