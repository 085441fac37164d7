import { randomUUID } from 'node:crypto';
import { Lock } from '@catalog/redis';
import { CatalogError } from '@catalog/contracts';
import { createLogger } from '@catalog/service-kit';
import { afterAll, beforeEach, expect, test } from 'vitest';
import {
  counts,
  csv,
  csvRow,
  imported,
  postImport,
  readImport,
  refusedImport,
} from '../../testing/import-calls.ts';
import { runningService } from '../../testing/running-service.ts';
import { importLimits } from '../limits.ts';
import { ApplyTurns } from './apply-turns.ts';

const key = 'lock:{import-apply}';
const patience = { timeout: 10_000, interval: 10 };

const service = await runningService({ turnWait_ms: 2_000 });
const { redis } = service;
afterAll(() => service[Symbol.asyncDispose]());
beforeEach(async () => {
  await service.owner.query('delete from catalog.products; delete from catalog.fences');
  service.warnings.length = 0;
  await redis.flushall();
});

/** Stands for an import of another process. */
const lockOfAnotherProcess = () => new Lock({ redis, name: 'import-apply', ttl_ms: 60_000 }).acquire();
const turns = (given: { lock_ms?: number; wait_ms?: number; poll_ms?: number } = {}) =>
  new ApplyTurns({
    redis,
    log: createLogger({
      service: 'test',
      level: 'warn',
      destination: { write: (line) => void service.warnings.push(line) },
    }),
    lock_ms: given.lock_ms ?? 60_000,
    wait_ms: given.wait_ms ?? 10_000,
    poll_ms: given.poll_ms ?? 10,
    retryAfter_s: 7,
  });
const neverAborts = new AbortController().signal;

async function stateOf(id: string): Promise<string | undefined> {
  return (await readImport(service, id).catch(() => undefined))?.state;
}

test('of several processes one at a time has the turn, and each gets it', async () => {
  let applying = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 5 }, async () => {
      await using _turn = await turns().take(neverAborts);
      most = Math.max(most, ++applying);
      // During this round trip a second holder would show up.
      expect(await redis.exists(key)).toBe(1);
      applying--;
    }),
  );
  expect(most).toBe(1);
  expect(await redis.exists(key)).toBe(0);
});

test('an import is staged while another one is applied, and is applied after it', async () => {
  const other = await lockOfAnotherProcess();
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

test('an import that waits too long for its turn is refused with Retry-After and changes nothing', async () => {
  const before = await service.state();
  await using _other = await lockOfAnotherProcess();
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
  await using _other = await lockOfAnotherProcess();
  expect(await imported(service, csv(csvRow('A')), { query: 'dryRun=true' })).toMatchObject({ created: 1 });
  expect(await imported(service, csv(csvRow('A', 'Lamp', 'free')))).toMatchObject({ state: 'rejected' });
});

test('an import whose client goes away stops waiting for its turn', async () => {
  await using _other = await lockOfAnotherProcess();
  for (const answersBeforeAbort of [0, 3]) {
    const gone = new AbortController();
    const waiting = turns({ poll_ms: 60_000, wait_ms: 600_000 }).take(gone.signal);
    waiting.catch(() => {});
    // Redis answers in order, so after these the import knows that the lock is held and pauses.
    for (let answer = 0; answer < answersBeforeAbort; answer++) await redis.ping();
    gone.abort();
    await expect(waiting).rejects.toBe(gone.signal.reason);
  }
});

test('Postgres refuses an import that slept past its turn while the next import was applied', async () => {
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

test('an import that starts while another one is applied without its lost lock waits for it in Postgres', async () => {
  const first = await turns().take(neverAborts);
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
      .toContain('insert into catalog.fences');
    await applying.query('commit');
    expect(counts(await second)).toEqual([1, 0, 0, 0]);
  } finally {
    await applying.query('rollback');
    applying.release();
    await first[Symbol.asyncDispose]();
  }
});

test('a turn is extended again and again while the import is applied', async () => {
  const lock_ms = 1_500;
  await using _turn = await turns({ lock_ms }).take(neverAborts);
  for (let extension = 1; extension <= 4; extension++) {
    // The next extension brings this back to `lock_ms`.
    await redis.pexpire(key, 60_000);
    await expect.poll(() => redis.pttl(key), patience).toBeLessThanOrEqual(lock_ms);
    expect(await redis.exists(key)).toBe(1);
  }
  expect(service.warnings).toEqual([]);
});

test('a turn that expired is logged once, and its holder leaves the lock of the next one alone', async () => {
  const first = await turns({ lock_ms: 300 }).take(neverAborts);
  await redis.del(key);
  await using _other = await lockOfAnotherProcess();
  await expect.poll(() => service.warnings.join(), patience).toContain('the turn of an import expired');
  await first[Symbol.asyncDispose]();
  expect(await redis.pttl(key)).toBeGreaterThan(30_000);
  expect(service.warnings).toHaveLength(1);
});

test('a turn that was given back is no longer extended', async () => {
  const turn = await turns({ lock_ms: 60 }).take(neverAborts);
  await turn[Symbol.asyncDispose]();
  expect(await redis.exists(key)).toBe(0);
  await using _next = await turns({ wait_ms: 0 }).take(neverAborts);
  expect(service.warnings).toEqual([]);
});

test('a caller that waits longer than the limit gets the refusal with Retry-After', async () => {
  await using _other = await lockOfAnotherProcess();
  const refused = await turns({ wait_ms: 50 })
    .take(neverAborts)
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(CatalogError);
  expect(refused).toMatchObject({ code: 'unavailable', retryAfterSeconds: 7 });
});

test('without the state Redis imports are applied, even several of the same SKUs at once', async () => {
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
