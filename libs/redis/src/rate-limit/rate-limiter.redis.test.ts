import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { eventually, type RedisServer, startRedis } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { RateLimiter } from './rate-limiter.ts';

let server: RedisServer;
let redis: Redis;
let now_ms = 0;
let errors: unknown[] = [];

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  await redis.flushall();
  errors = [];
});

/** A busy test machine may pause a Redis that works. Only tests of a slow Redis wait for as short as services do. */
const patient_ms = 10_000;

const limiter = (limit: number, { window_ms = 60_000, connection = redis, wait_ms = patient_ms } = {}) =>
  new RateLimiter({
    redis: connection,
    wait_ms,
    name: 'test',
    limit,
    window_ms,
    now: () => now_ms,
    onError: (error) => errors.push(error),
  });

async function allowedOf(process: RateLimiter, times: number, caller = 'one'): Promise<number> {
  const decisions = await Promise.all(Array.from({ length: times }, async () => process.take(caller)));
  return decisions.filter(({ allowed }) => allowed).length;
}

test('of 1,000 requests at once in two processes with a limit of 100, exactly 100 pass', async () => {
  const fixture = new URL('./caller.fixture.ts', import.meta.url).pathname;
  const processes = [1, 2].map(() => {
    const child = spawn(process.execPath, [fixture, server.url, '100', '500']);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return { child, lines };
  });
  for (const { lines } of processes) expect((await lines.next()).value).toBe('ready');
  for (const { child } of processes) child.stdin.write('go\n');
  const counts = await Promise.all(processes.map(async ({ lines }) => Number((await lines.next()).value)));
  expect(counts[0] ?? 0).toBeGreaterThanOrEqual(0);
  expect((counts[0] ?? 0) + (counts[1] ?? 0)).toBe(100);
});

test('never more than the limit passes, however requests come and over however many limiters', async () => {
  const processes = Array.from({ length: 5 }, () => limiter(200));
  let allowed = 0;
  for (let round = 0; round < 60; round++) {
    const counts = await Promise.all(processes.map((process, n) => allowedOf(process, (round * n) % 7)));
    allowed += counts.reduce((sum, count) => sum + count, 0);
    expect(allowed).toBeLessThanOrEqual(200);
  }
  // What one has reserved and does not use is lost to the others: a fiftieth of what was left, at most.
  expect(allowed).toBeGreaterThan(200 - 5 * 4);
});

test('requests that count as several use up the limit exactly, and none of it is lost', async () => {
  const process = limiter(1_000);
  const left: number[] = [];
  for (const cost of [1, 100, 10, 10, 1, 7, 100]) left.push((await process.take('one', cost)).left);
  expect(left).toEqual([999, 899, 889, 879, 878, 871, 771]);
  const decisions = await Promise.all(Array.from({ length: 100 }, async () => process.take('one', 10)));
  expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(77);
  // Too few are left for ten, and enough for one.
  expect(await process.take('one', 10)).toMatchObject({ allowed: false, left: 1 });
  expect(await process.take('one')).toMatchObject({ allowed: true, left: 0 });
});

test('never more than the limit passes, whatever the requests of several limiters count as', async () => {
  const processes = Array.from({ length: 3 }, () => limiter(1_000));
  let allowed = 0;
  for (let round = 0; round < 100; round++)
    await Promise.all(
      processes.map(async (process, n) => {
        const cost = 1 + ((round * 7 + n * 3) % 20);
        if ((await process.take('one', cost)).allowed) allowed += cost;
      }),
    );
  expect(allowed).toBeLessThanOrEqual(1_000);
  expect(allowed).toBeGreaterThan(1_000 - 3 * 40);
});

test('callers do not use up each other’s requests', async () => {
  const process = limiter(10);
  expect(await allowedOf(process, 15, 'one')).toBe(10);
  expect(await allowedOf(process, 15, 'two')).toBe(10);
});

test('a window ends after its time, and every key has a TTL', async () => {
  const process = limiter(10, { window_ms: 200 });
  expect(await allowedOf(process, 20)).toBe(10);
  expect(await redis.pttl('rate:test:one')).toBeGreaterThan(0);
  await redis.del('rate:test:one');
  expect(await allowedOf(process, 20)).toBe(0);
  now_ms += 201;
  expect(await allowedOf(process, 20)).toBe(10);
});

test('Redis is asked rarely while much is left, and not at all when nothing is', async () => {
  const process = limiter(10_000);
  const asked = async () =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
  await process.take('one');
  const before = await asked();
  for (let n = 0; n < 5_000; n++) await process.take('one');
  expect((await asked()) - before).toBeLessThan(100);
  await allowedOf(process, 6_000);
  const spent = await asked();
  expect(await allowedOf(process, 500)).toBe(0);
  expect(await asked()).toBe(spent);
});

test('without Redis each process counts for itself, and says so', async () => {
  const away = new Redis(server.url, { lazyConnect: true, enableOfflineQueue: false });
  away.on('error', () => undefined);
  expect(await allowedOf(limiter(10, { connection: away }), 50)).toBe(10);
  expect(errors.length).toBeGreaterThan(0);
});

/** Stops Redis in the middle of everything, until the returned object is disposed. */
async function hang() {
  await server.kill('SIGSTOP');
  return { [Symbol.asyncDispose]: () => server.kill('SIGCONT') };
}

test('while Redis hangs no request waits for it, and each process counts for itself', async () => {
  const process = limiter(10, { wait_ms: 25 });
  await process.take('one');
  await using _hanging = await hang();
  // Redis goes on hanging, so these must have been decided without it.
  expect(await allowedOf(process, 50, 'one')).toBe(9);
  for (const caller of ['one', 'two', 'three']) {
    now_ms += 60_001;
    const decisions = Array.from({ length: 15 }, () => process.take(caller));
    expect(decisions.filter((decision) => decision instanceof Promise)).toEqual([]);
    expect(await allowedOf(process, 50, caller)).toBe(0);
    const allowed = decisions.filter((decision) => !(decision instanceof Promise) && decision.allowed);
    expect(allowed).toHaveLength(10);
  }
  expect(errors).toEqual([new Error('Redis did not answer within 25 ms.')]);
});

test('requests that were allowed while Redis hung count when it answers again', async () => {
  const [first, second] = [limiter(10, { wait_ms: 25 }), limiter(10)];
  expect(await allowedOf(first, 1)).toBe(1);
  {
    await using _hanging = await hang();
    expect(await allowedOf(first, 3)).toBe(3);
    expect(await allowedOf(first, 2)).toBe(2);
  }
  // A caller without an open window asks Redis, as soon as this process trusts it again.
  await eventually(async () => {
    now_ms += 100;
    await first.take(`other ${now_ms}`);
    return (await redis.exists(`rate:test:other ${now_ms}`)) === 1;
  });
  const allowed = (await allowedOf(first, 1)) + (await allowedOf(second, 10)) + (await allowedOf(first, 10));
  expect(allowed).toBe(10 - 6);
});

test('while Redis refuses to count, a process counts for itself and asks now and then', async () => {
  const process = limiter(10);
  await redis.config('SET', 'maxmemory', '1');
  try {
    expect(await allowedOf(process, 50)).toBe(10);
    expect(process.take('two')).toMatchObject({ allowed: true });
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
  expect(errors).toHaveLength(1);
  await eventually(async () => {
    now_ms += 100;
    await process.take(`other ${now_ms}`);
    return (await redis.exists(`rate:test:other ${now_ms}`)) === 1;
  });
});

test('while Redis is nearly full, each process counts new callers alone, and no key is added', async () => {
  await allowedOf(limiter(10), 1, 'known');
  const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
  await redis.config('SET', 'maxmemory', String(Math.floor(used * 1.1)));
  try {
    expect(await allowedOf(limiter(10), 20, 'new')).toBe(10);
    expect(await redis.keys('*')).toEqual(['rate:test:known']);
    expect(errors.map(String)).toEqual([expect.stringContaining('nearly full')]);
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
});
