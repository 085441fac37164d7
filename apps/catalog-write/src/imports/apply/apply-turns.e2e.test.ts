import { randomUUID } from 'node:crypto';
import { Lock } from '@catalog/cache';
import { CatalogError } from '@catalog/contracts';
import { createLogger, systemClock } from '@catalog/service-kit';
import { type ManualClock, manualClock } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  counts,
  csv,
  csvRow,
  imported,
  postImport,
  readImport,
  refusedImport,
} from '../../testing/import-calls.ts';
import { runningService, type RunningService } from '../../testing/running-service.ts';
import { ApplyTurns } from './apply-turns.ts';
import { importLimits } from '../limits.ts';

const key = 'lock:{import-apply}';
const patience = { timeout: 10_000, interval: 10 };

let service: RunningService;
let redis: Redis;
beforeAll(async () => {
  service = await runningService({ turnWait_ms: 2_000 });
  redis = new Redis(service.stateRedis.url);
  // It is away in one of the tests.
  redis.on('error', () => {});
});
afterAll(async () => {
  redis.disconnect();
  await service[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await service.owner.query('delete from catalog.products; delete from catalog.fences');
  service.warnings.length = 0;
  await redis.flushall();
});

/** As another process would. */
const takenByAnother = () => new Lock({ redis, name: 'import-apply', ttl_ms: 60_000 }).acquire();
const turns = (given: { clock?: ManualClock; lock_ms?: number; wait_ms?: number; to?: Redis } = {}) =>
  new ApplyTurns({
    redis: given.to ?? redis,
    clock: given.clock ?? systemClock,
    log: createLogger({
      service: 'test',
      level: 'warn',
      destination: { write: (line) => void service.warnings.push(line) },
    }),
    lock_ms: given.lock_ms ?? 60_000,
    wait_ms: given.wait_ms ?? 10_000,
    look_ms: 10,
    retryAfter_s: 7,
  });
const nobodyGoes = new AbortController().signal;

async function stateOf(id: string): Promise<string | undefined> {
  return (await readImport(service, id).catch(() => undefined))?.state;
}

test('over several processes one has its turn at a time, and all of them get one', async () => {
  let applying = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 5 }, async () => {
      await using _turn = await turns().take(nobodyGoes);
      most = Math.max(most, ++applying);
      // A way to Redis and back, in which another would get its turn too.
      expect(await redis.exists(key)).toBe(1);
      applying--;
    }),
  );
  expect(most).toBe(1);
  expect(await redis.exists(key)).toBe(0);
});

test('an import is staged while another one is applied, and applied after it', async () => {
  const other = await takenByAnother();
  const id = randomUUID();
  const answer = imported(service, csv(csvRow('A')), { headers: { 'Import-Id': id } });
  const received = async () => (await readImport(service, id).catch(() => undefined))?.received;
  await expect.poll(received, patience).toBe(1);
  expect(await stateOf(id)).toBe('running');
  expect((await service.owner.query('select from catalog.products')).rowCount).toBe(0);
  await other?.[Symbol.asyncDispose]();
  expect(counts(await answer)).toEqual([1, 0, 0, 0]);
  expect(await redis.exists(key)).toBe(0);
});

test('an import whose turn does not come is refused, says when to come back, and has changed nothing', async () => {
  const before = await service.state();
  await using _other = await takenByAnother();
  const id = randomUUID();
  const res = await postImport(service, csv(csvRow('A')), { headers: { 'Import-Id': id } });
  expect([res.status, res.headers.get('retry-after')]).toEqual([503, String(importLimits.turnRetryAfter_s)]);
  expect(await res.json()).toMatchObject({ code: 'unavailable' });
  expect(await readImport(service, id)).toMatchObject({
    state: 'failed',
    created: 0,
    errors: [{ code: 'unavailable' }],
  });
  expect(await service.state()).toEqual(before);
});

test('a dry run and a rejected import need no turn', async () => {
  await using _other = await takenByAnother();
  expect(await imported(service, csv(csvRow('A')), { query: 'dryRun=true' })).toMatchObject({ created: 1 });
  expect(await imported(service, csv(csvRow('A', 'Lamp', 'free')))).toMatchObject({ state: 'rejected' });
});

test('an import whose client goes away waits no longer', async () => {
  await using _other = await takenByAnother();
  for (const isWaiting of [0, 1]) {
    const clock = manualClock();
    const gone = new AbortController();
    const waiting = turns({ clock }).take(gone.signal);
    waiting.catch(() => {});
    await expect.poll(() => clock.pending).toBe(isWaiting);
    gone.abort();
    await expect(waiting).rejects.toBe(gone.signal.reason);
    expect(clock.pending).toBe(0);
  }
});

test('an import that slept past its turn, while the next one was applied, is refused by Postgres', async () => {
  await imported(service, csv(csvRow('A')));
  const before = await service.state();
  const later = Date.now() * 1_000 + 60_000_000;
  await service.owner.query('update catalog.fences set fence = $1', [later]);
  expect(await refusedImport(service, csv(csvRow('A', 'late'), csvRow('B')))).toMatchObject({
    status: 503,
    code: 'unavailable',
  });
  expect(await service.state()).toEqual(before);
  await service.owner.query('delete from catalog.fences');
  expect(counts(await imported(service, csv(csvRow('A', 'late'), csvRow('B'))))).toEqual([1, 1, 0, 0]);
});

test('an import that begins while another one is applied whose lock was lost waits for it in Postgres', async () => {
  const first = await turns().take(nobodyGoes);
  const applying = await service.owner.connect();
  try {
    await applying.query('begin');
    await first.pass(applying);
    await redis.flushall();
    const second = imported(service, csv(csvRow('A')));
    await expect
      .poll(async () => {
        const { rows } = await service.owner.query<{ query: string }>(
          "select query from pg_stat_activity where datname = current_database() and application_name like '% import' and wait_event_type = 'Lock'",
        );
        return rows.map(({ query }) => query).join();
      }, patience)
      .toContain('Notes a fencing token');
    await applying.query('commit');
    expect(counts(await second)).toEqual([1, 0, 0, 0]);
  } finally {
    await applying.query('rollback');
    applying.release();
    await first[Symbol.asyncDispose]();
  }
});

test('a turn lasts as long as it is applied, by far longer than its lock', async () => {
  const clock = manualClock();
  await using turn = await turns({ clock, lock_ms: 30_000 }).take(nobodyGoes);
  expect(turn).toBeDefined();
  for (let third = 1; third <= 9; third++) {
    // What time would leave of it.
    await redis.pexpire(key, 20_000);
    await clock.advance(10_000);
    await expect.poll(() => redis.pttl(key)).toBeGreaterThan(25_000);
  }
  expect(service.warnings).toEqual([]);
});

test('a turn that has ended is not extended, which is logged, and nobody extends one that was given back', async () => {
  const clock = manualClock();
  const first = await turns({ clock }).take(nobodyGoes);
  await redis.del(key);
  await using _other = await takenByAnother();
  await clock.advance(20_000);
  await expect.poll(() => service.warnings.join()).toContain('the turn of an import ended');
  expect(clock.pending).toBe(0);
  await first[Symbol.asyncDispose]();
  expect(await redis.exists(key)).toBe(1);

  await redis.del(key);
  const second = await turns({ clock }).take(nobodyGoes);
  await second[Symbol.asyncDispose]();
  expect(clock.pending).toBe(0);
});

test('who waits in vain hears it from the limit on', async () => {
  await using _other = await takenByAnother();
  const refused = await turns({ wait_ms: 50 })
    .take(nobodyGoes)
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(CatalogError);
  expect(refused).toMatchObject({ code: 'unavailable', retryAfterSeconds: 7 });
});

test('without the state Redis imports are applied, also several of the same SKUs at once', async () => {
  await service.stateRedis.kill('SIGKILL');
  try {
    const results = await Promise.all(
      [1, 2, 3].map((each) => imported(service, csv(csvRow('A', `name ${each}`), csvRow('B')))),
    );
    expect(results.reduce((sum, { created }) => sum + created, 0)).toBe(2);
    expect(service.warnings.join()).toContain('an import is applied without a turn');
  } finally {
    await service.stateRedis.restart();
  }
});
