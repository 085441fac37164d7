import { UNCONDITIONAL_VERSION } from '@catalog/contracts';
import { Worker } from 'bullmq';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { runningConsole, type RunningConsole } from '../testing/running-console.ts';

let running: RunningConsole;
let cookie = '';
beforeAll(async () => {
  running = await runningConsole();
  cookie = await running.signIn('viewer');
});
afterAll(() => running[Symbol.asyncDispose]());
beforeEach(async () => {
  for (const queue of Object.values(running.queues)) await queue.obliterate({ force: true });
});

const change = (seq: number, key: string, version = seq) => ({
  seq,
  transaction: 7,
  entity: 'product',
  key,
  version,
});
const addJob = async (...changes: ReturnType<typeof change>[]): Promise<string> =>
  (await running.queues.invalidation.add('invalidate', { changes })).id ?? '';
const get = (path: string) => running.call('GET', path, { cookie });

test('a job tells its keys, with the change and the version of each', async () => {
  const id = await addJob(change(1, 'a'), {
    ...change(2, 'LAMP', UNCONDITIONAL_VERSION),
    entity: 'sku',
  });
  const answer = await get(`/api/jobs/invalidation/${id}/keys`);
  expect([answer.status, await answer.json()]).toEqual([
    200,
    {
      name: 'invalidate',
      state: 'waiting',
      failedReason: null,
      data: [
        { key: 'product:a', seq: 1, version: 1 },
        { key: 'sku:LAMP', seq: 2, version: null },
      ],
    },
  ]);
});

test('a failed job tells why, also in the state of its queue', async () => {
  const { id } = await running.queues.refresh.add('refresh', {
    keys: [{ entity: 'product', key: 'a', seqs: [1] }],
  });
  const worker = new Worker('refresh', () => Promise.reject(new Error('connection refused')), {
    connection: { url: running.redisServer.url },
  });
  await once(worker, 'failed');
  await worker.close();
  expect(await (await get(`/api/jobs/refresh/${id}/keys`)).json()).toMatchObject({
    state: 'failed',
    failedReason: 'connection refused',
    data: [{ key: 'product:a', version: null }],
  });
  // An answer is shared for a second.
  await running.clock.advance(1_000);
  const { queues } = (await (await get('/api/state')).json()) as {
    queues: { name: string; lastFailure?: { reason: string; atMs: number } }[];
  };
  expect(queues.find(({ name }) => name === 'refresh')?.lastFailure).toEqual({
    reason: 'connection refused',
    atMs: expect.any(Number) as number,
  });
});

test('a change leads to its newest job', async () => {
  await addJob(change(1, 'a'), change(2, 'b'));
  const again = await addJob(change(2, 'b'));
  const answer = await get('/api/changes/2/job');
  expect([answer.status, answer.headers.get('location')]).toEqual([
    302,
    `/queues/queue/invalidation/${again}`,
  ]);
});

test.each([
  ['/api/jobs/invalidation/none/keys', 404],
  ['/api/jobs/another/1/keys', 404],
  ['/api/changes/99/job', 404],
  ['/api/changes/x/job', 400],
])('%s is answered with %i', async (path, status) => {
  expect((await get(path)).status).toBe(status);
  expect((await running.call('GET', path)).status).toBe(401);
});

test('the board names a job by its keys and leads to them', async () => {
  const id = await addJob(change(1, 'a'), change(2, 'b'));
  const answer = await get('/queues/api/queues?activeQueue=invalidation&status=waiting');
  const { queues } = (await answer.json()) as {
    queues: { jobs: { name: string; externalUrl?: unknown }[] }[];
  };
  expect(queues.flatMap(({ jobs }) => jobs)).toMatchObject([
    {
      name: 'invalidate product:a and 1 more',
      externalUrl: { displayText: 'Keys', href: `/keys?job=invalidation%2F${id}` },
    },
  ]);
});

test('a person reads ten jobs of each state at most, looks at the board once at a time, and others look as before', async () => {
  const many = Array.from({ length: 30 }, (_, seq) => ({
    name: 'invalidate',
    data: { changes: [change(seq + 1, 'a')] },
  }));
  await running.queues.invalidation.addBulk(many);
  const board = '/queues/api/queues?activeQueue=invalidation&jobsPerPage=1000';
  const looks = await Promise.all(Array.from({ length: 40 }, () => get(board)));
  const shown = (await looks.find(({ status }) => status === 200)?.json()) as
    | { queues: { name: string; jobs: unknown[] }[] }
    | undefined;
  expect(shown?.queues.find(({ name }) => name === 'invalidation')?.jobs).toHaveLength(10);
  expect(new Set(looks.map(({ status }) => status))).toEqual(new Set([200, 429]));
  const other = await running.signIn('editor');
  expect((await running.call('GET', board, { cookie: other })).status).toBe(200);
});
