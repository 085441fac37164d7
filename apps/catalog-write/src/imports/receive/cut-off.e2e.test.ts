import { randomUUID } from 'node:crypto';
import { importResultSchema } from '@catalog/contracts';
import { tcpProxy, type TcpProxy } from '@catalog/testing';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import {
  counts,
  csv,
  csvHeader,
  csvRow,
  imported,
  postImport,
  readImport,
  slowBody,
} from '../../testing/import-calls.ts';
import { runningService, type RunningService } from '../../testing/running-service.ts';
import { importLimits } from '../limits.ts';

// Other test files use the same two cores.
vi.setConfig({ testTimeout: 30_000 });
const patience = { timeout: 10_000, interval: 10 };

let service: RunningService;
let postgres: TcpProxy;
beforeAll(async () => {
  service = await runningService({
    async databaseUrl(url) {
      postgres = await tcpProxy({ to: Number(new URL(url).port) });
      return url.replace(/:\d+\//, `:${postgres.port}/`);
    },
  });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await postgres.stop();
});
beforeEach(async () => {
  await service.owner.query('delete from catalog.products');
  await imported(service, csv(csvRow('KEPT'), csvRow('HELD')));
});

/** Starts an import that the test can observe and cut off. */
function startImport(raw: unknown): { id: string; answer: Promise<Response>; cutOff: () => void } {
  const id = randomUUID();
  const client = new AbortController();
  const answer = postImport(service, raw as never, {
    query: 'mode=skip-failed',
    headers: { 'Import-Id': id },
    signal: client.signal,
  });
  answer.catch(() => {});
  return { id, answer, cutOff: () => client.abort() };
}

const stateOf = async (id: string) => {
  const res = await service.call('GET', `/v1/imports/${id}`);
  return res.status === 200 ? importResultSchema.parse(await res.json()) : undefined;
};
const untilState = async (id: string, expected: object) => {
  await expect.poll(() => stateOf(id), patience).toMatchObject(expected);
};

/** The import statements that Postgres runs at this moment. */
async function runningStatements(): Promise<string[]> {
  const { rows } = await service.owner.query<{ query: string }>(
    "select query from pg_stat_activity where datname = current_database() and application_name like '% import' and state = 'active'",
  );
  return rows.map(({ query }) => query);
}
async function importConnections(): Promise<number> {
  const { rows } = await service.owner.query<{ connections: number }>(
    "select count(*) as connections from pg_stat_activity where datname = current_database() and application_name like '% import'",
  );
  return rows[0]?.connections ?? -1;
}

/** Read without the service and its proxy. */
async function committedState(id: string): Promise<unknown> {
  const { rows } = await service.owner.query<{ state: string }>(
    'select state from catalog.imports where id = $1',
    [id],
  );
  return rows[0]?.state;
}

const manyRows = (count: number): string =>
  Array.from({ length: count }, (_, index) => `${csvRow(`NEW-${index}`)}\n`).join('');

test('progress can be read while the body is still arriving', async () => {
  const { body, send, end } = slowBody();
  const { id, answer } = startImport(body);
  send(`${csvHeader}\n${manyRows(3)}${csvRow('BAD', 'x', 'free')}\n`);
  await untilState(id, { state: 'running', received: 4, failed: 1, finishedAt: null });
  send(csvRow('LAST'));
  end();
  const res = await answer;
  expect(counts(importResultSchema.parse(await res.json()))).toEqual([4, 0, 0, 1]);
  expect(await stateOf(id)).toMatchObject({ state: 'succeeded', received: 5, created: 4 });
});

test('an upload that breaks off half-way changes nothing', async () => {
  const before = await service.state();
  const { body, send } = slowBody();
  const { id, cutOff } = startImport(body);
  // More than one COPY piece, so that some of it is already in Postgres.
  send(csvHeader + '\n' + manyRows(40_000));
  await untilState(id, { state: 'running', received: 40_000 });
  cutOff();
  await untilState(id, { state: 'failed', created: 0, errors: [{ code: 'malformed_request' }] });
  await expect.poll(importConnections, patience).toBe(0);
  expect(await service.state()).toEqual(before);
});

test('a client that goes away while its records are applied frees its locks and changes nothing', async () => {
  const before = await service.state();
  {
    await using _other = await service.otherTransaction(
      "select from catalog.products where sku = 'HELD' for update",
    );
    const { id, cutOff } = startImport(csv(csvRow('KEPT', 'x'), csvRow('HELD', 'x'), csvRow('NEW')));
    await expect.poll(runningStatements, patience).toEqual([expect.stringContaining('for no key update')]);
    cutOff();
    await untilState(id, {
      state: 'failed',
      errors: [{ message: 'The client went away. Nothing has changed.' }],
    });
    // The other transaction still holds its row, so Postgres itself ended the import that waited for it.
    await expect.poll(importConnections, patience).toBe(0);
  }
  expect(await service.state()).toEqual(before);
});

test('an import whose Postgres connection breaks while the body arrives fails with 503 and changes nothing', async () => {
  const before = await service.state();
  const { body, send, end } = slowBody();
  const { id, answer } = startImport(body);
  send(csvHeader + '\n' + manyRows(40_000));
  await untilState(id, { state: 'running', received: 40_000 });
  await service.owner.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like '% import'",
  );
  end();
  const res = await answer;
  expect(res.status).toBe(503);
  expect(res.headers.get('retry-after')).not.toBeNull();
  await untilState(id, { state: 'failed' });
  expect(await service.state()).toEqual(before);
});

test('an import whose commit succeeds but whose commit answer is lost is reported as succeeded', async () => {
  // The commit waits for a lock, so that the test can cut the connection while Postgres commits.
  await service.owner.query(`
    create function public.held_commit() returns trigger language plpgsql security definer as $$
      begin perform pg_advisory_xact_lock(4711); return null; end $$;
    create constraint trigger held_commit after update on catalog.imports deferrable initially deferred
      for each row when (new.state = 'succeeded') execute function public.held_commit()`);
  const holder = await service.owner.connect();
  await holder.query('select pg_advisory_lock(4711)');
  try {
    const { id, answer } = startImport(csv(csvRow('NEW')));
    await expect.poll(runningStatements, patience).toEqual(['commit']);
    postgres.blackhole();
    await holder.query('select pg_advisory_unlock(4711)');
    await expect.poll(() => committedState(id), patience).toBe('succeeded');
    postgres.cut();
    postgres.passThrough();
    const res = await answer;
    expect(res.status).toBe(200);
    const { rows } = await service.owner.query("select version from catalog.products where sku = 'NEW'");
    expect(rows).toEqual([{ version: Number(res.headers.get('catalog-version')) }]);
    expect(await readImport(service, id)).toMatchObject({ state: 'succeeded', created: 1 });
  } finally {
    postgres.passThrough();
    holder.release(true);
    await service.owner.query('drop function public.held_commit cascade');
  }
});

test('an import whose process died counts as abandoned', async () => {
  const id = randomUUID();
  await service.owner.query(
    "insert into catalog.imports (id, subject, mode, dry_run, heartbeat_at) values ($1, 'test', 'reject-all', false, clock_timestamp() - make_interval(secs => $2))",
    [id, importLimits.abandoned_ms / 1000 + 1],
  );
  expect(await readImport(service, id)).toMatchObject({ state: 'failed', errors: [{ code: 'abandoned' }] });
});

/** Starts imports that wait for their bodies, each of another caller unless one is given. @returns what ends them */
async function occupy(count: number, subject?: string): Promise<() => Promise<void>> {
  const slow = Array.from({ length: count }, slowBody);
  const started = slow.map(({ body }) => {
    const id = randomUUID();
    const headers = { 'Import-Id': id, ...(subject !== undefined && as(subject)) };
    return { id, answer: postImport(service, body as never, { headers }) };
  });
  for (const [index, { send }] of slow.entries()) {
    send(`${csvHeader}\n`);
    await untilState(started[index]?.id ?? '', { state: 'running' });
  }
  return async () => {
    for (const { end } of slow) end();
    for (const { answer } of started) expect((await answer).status).toBe(200);
  };
}
const as = (sub: string) => ({ Authorization: `Bearer ${service.token({ sub })}` });

test('one import more than may run at once is refused with Retry-After', async () => {
  const finish = await occupy(importLimits.simultaneous);
  const res = await postImport(service, csv(csvRow('ONE-MORE')));
  expect([res.status, res.headers.get('retry-after')]).toEqual([503, '10']);
  await finish();
  expect((await postImport(service, csv(csvRow('ONE-MORE')))).status).toBe(200);
});

test('one caller gets only a part of the imports that may run at once', async () => {
  const finish = await occupy(importLimits.simultaneousPerCaller, 'greedy');
  const res = await postImport(service, csv(csvRow('GREEDY')), { headers: as('greedy') });
  expect([res.status, res.headers.get('retry-after')]).toEqual([429, '10']);
  expect((await postImport(service, csv(csvRow('OTHER')))).status).toBe(200);
  await finish();
  expect((await postImport(service, csv(csvRow('GREEDY')), { headers: as('greedy') })).status).toBe(200);
});
