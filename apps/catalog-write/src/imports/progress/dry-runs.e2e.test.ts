import { randomUUID } from 'node:crypto';
import { problemSchema } from '@catalog/contracts';
import { createLogger, systemClock } from '@catalog/service-kit';
import { afterAll, beforeEach, expect, test } from 'vitest';
import {
  csv,
  csvHeader,
  csvRow,
  imported,
  postImport,
  readImport,
  slowBody,
} from '../../testing/import-calls.ts';
import { runningService } from '../../testing/running-service.ts';
import { importLimits } from '../limits.ts';
import { DryRuns } from './dry-runs.ts';

const service = await runningService();
const { redis } = service;
afterAll(() => service[Symbol.asyncDispose]());
beforeEach(async () => {
  service.warnings.length = 0;
  await redis.flushall();
});

const keyOf = (id: string) => `temporary:{import-dry-run}:${id}`;
const dryRun = { query: 'dryRun=true' };
const withId = (id: string) => ({ headers: { 'Import-Id': id } });
const get = (id: string) => service.call('GET', `/v1/imports/${id}`);

async function rowsOf(id: string): Promise<number> {
  const { rowCount } = await service.owner.query('select from catalog.imports where id = $1', [id]);
  return rowCount ?? 0;
}

async function untilFound(id: string, expected: object): Promise<void> {
  await expect.poll(() => readImport(service, id).catch(() => undefined)).toMatchObject(expected);
}

test('the result of a dry run is readable for an hour and exists only in Redis', async () => {
  const result = await imported(service, csv(csvRow('A'), csvRow('B', 'Lamp', 'free')), {
    query: 'dryRun=true&mode=skip-failed',
  });
  expect(result).toMatchObject({ state: 'succeeded', dryRun: true, created: 1, failed: 1 });
  expect(await readImport(service, result.id)).toEqual(result);
  expect(await rowsOf(result.id)).toBe(0);
  const left_ms = await redis.pttl(keyOf(result.id));
  expect(left_ms).toBeGreaterThan(importLimits.dryRunResult_ms - 60_000);
  expect(left_ms).toBeLessThanOrEqual(importLimits.dryRunResult_ms);

  await redis.pexpire(keyOf(result.id), 1);
  await expect.poll(async () => (await get(result.id)).status).toBe(404);
});

test('the results of a rejected and of a failed dry run are readable too', async () => {
  const rejected = await imported(service, csv(csvRow('A', 'Lamp', 'free')), dryRun);
  expect(rejected.state).toBe('rejected');
  expect(await readImport(service, rejected.id)).toEqual(rejected);

  const id = randomUUID();
  expect((await postImport(service, 'nonsense\n', { ...dryRun, ...withId(id) })).status).toBe(400);
  expect(await readImport(service, id)).toMatchObject({ state: 'failed', dryRun: true });
});

test('the progress of a dry run is readable while the body arrives, and expires soon after the last heartbeat', async () => {
  const { body, send, end } = slowBody();
  const id = randomUUID();
  const answer = postImport(service, body, { ...dryRun, ...withId(id) });
  send(`${csvHeader}\n${csvRow('A')}\n`);
  await untilFound(id, { state: 'running', dryRun: true, received: 1, finishedAt: null });
  expect(await redis.pttl(keyOf(id))).toBeLessThanOrEqual(importLimits.abandoned_ms);
  send(`${csvRow('B')}\n`);
  await untilFound(id, { state: 'running', received: 2 });
  end();
  expect((await answer).status).toBe(200);
  expect(await readImport(service, id)).toMatchObject({ state: 'succeeded', received: 2, created: 2 });
});

test('the result takes a place of the caller, whatever its subject', async () => {
  const id = randomUUID();
  expect((await postImport(service, csv(csvRow('OWN')), { ...dryRun, ...withId(id) })).status).toBe(200);
  const owners = await redis.keys('temporary:{import-dry-run}/*');
  expect(owners).toEqual([expect.stringMatching(/\/caller:.+/)]);
  expect(await redis.zscore(owners[0] ?? '', keyOf(id))).not.toBeNull();
});

test('a late heartbeat does not overwrite the result', async () => {
  const log = createLogger({ service: 'test', level: 'silent' });
  const runs = new DryRuns({ pool: service.owner, redis, clock: systemClock, log });
  const id = randomUUID();
  const rules = { mode: 'reject-all', onExisting: 'update', onMissing: 'create' } as const;
  const journal = runs.journal({ id, callerKey: 'caller:test', subject: 'test', ...rules });
  await journal.start();
  await journal.beat(1, 0);
  expect(await runs.read(id)).toMatchObject({ state: 'running', received: 1 });
  const failing = journal.fail({ received: 2, failed: 1, errors: [] });
  await journal.beat(1, 0);
  await failing;
  expect(await runs.read(id)).toMatchObject({ state: 'failed', received: 2 });
});

test('an id is taken while a dry run with it runs or is readable, and by an import for ever', async () => {
  const id = randomUUID();
  const { body, send, end } = slowBody();
  const first = postImport(service, body, { ...dryRun, ...withId(id) });
  send(`${csvHeader}\n`);
  await untilFound(id, { state: 'running' });
  expect((await postImport(service, csv(), { ...dryRun, ...withId(id) })).status).toBe(409);
  end();
  expect((await first).status).toBe(200);
  expect((await postImport(service, csv(), { ...dryRun, ...withId(id) })).status).toBe(409);

  const { id: importId } = await imported(service, csv(csvRow('TAKEN')));
  expect((await postImport(service, csv(), { ...dryRun, ...withId(importId) })).status).toBe(409);
  expect(await readImport(service, importId)).toMatchObject({ dryRun: false, created: 1 });
});

test('an import may reuse the id of a finished dry run and replaces its result', async () => {
  const { id } = await imported(service, csv(csvRow('TRIED')), dryRun);
  const result = await imported(service, csv(csvRow('TRIED')), withId(id));
  expect(result).toMatchObject({ dryRun: false, created: 1 });
  expect(await readImport(service, id)).toEqual(result);
});

test('a dry run beyond the limit of stored results is answered but not stored, and that is logged', async () => {
  const ended = Date.now() + 60_000;
  const others = Array.from({ length: importLimits.keptDryRuns }, (_, index) => [ended, `other-${index}`]);
  await redis.zadd('temporary:{import-dry-run}', ...others.flat());
  const { id } = await imported(service, csv(csvRow('A')), dryRun);
  expect((await get(id)).status).toBe(404);
  expect(service.warnings.at(-1)).toContain('the result of a dry run was not stored');
});

test('the largest possible result can be stored', async () => {
  // Each bad record has the longest field name, in the widest characters.
  const bad = Array.from({ length: importLimits.listedErrors }, () =>
    JSON.stringify({ ['\u{1F4A1}'.repeat(100)]: 1 }),
  );
  const result = await imported(service, bad.join('\n'), { ...dryRun, type: 'application/x-ndjson' });
  expect(result.errors).toHaveLength(importLimits.listedErrors);
  expect(await readImport(service, result.id)).toEqual(result);
});

test('without the state Redis a dry run is answered, and an unknown id gets 503 instead of 404', async () => {
  const real = await imported(service, csv(csvRow('REAL')));
  await service.stateRedis.kill('SIGKILL');
  try {
    const result = await imported(service, csv(csvRow('NEW-1'), csvRow('NEW-2')), dryRun);
    expect(result).toMatchObject({ state: 'succeeded', dryRun: true, created: 2 });
    expect(service.warnings.at(-1)).toContain('the result of a dry run was not stored');

    const unknown = await get(result.id);
    expect(unknown.headers.get('retry-after')).toBe('1');
    expect(problemSchema.parse(await unknown.json())).toMatchObject({ status: 503, code: 'unavailable' });
    expect(await readImport(service, real.id)).toEqual(real);
  } finally {
    await service.stateRedis.restart();
  }
  await expect.poll(async () => (await get(randomUUID())).status).toBe(404);
});
