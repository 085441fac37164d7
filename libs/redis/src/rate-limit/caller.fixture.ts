/** A process that takes requests: `node caller.fixture.ts URL LIMIT TIMES`; prints how many it was allowed. */
import { Redis } from 'ioredis';
import { RateLimiter } from './rate-limiter.ts';

const [url = '', limit = '', times = ''] = process.argv.slice(2);
const redis = new Redis(url);
const limiter = new RateLimiter({
  redis,
  name: 'test',
  limit: Number(limit),
  window_ms: 60_000,
  // A busy test machine may pause a Redis that works.
  wait_ms: 10_000,
  now: () => performance.now(),
  onError: (error) => {
    throw error;
  },
});
await redis.ping();
// Both processes begin when both are there.
process.stdout.write('ready\n');
await new Promise((resolve) => process.stdin.once('data', resolve));
const decisions = await Promise.all(Array.from({ length: Number(times) }, async () => limiter.take('one')));
process.stdout.write(`${decisions.filter(({ allowed }) => allowed).length}\n`);
redis.disconnect();
process.exit(0);
