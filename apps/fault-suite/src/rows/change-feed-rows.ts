/** Faults of the change feed: the relay, the worker and the queue. */
import { type Change, timings } from '@catalog/contracts';
import { pause } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { invalidations } from '../system/invalidations.ts';
import { oldestUnapplied_ms } from '../system/outbox.ts';
import { ownWorker } from '../system/own-worker.ts';
import { poisonRow } from './poison-row.ts';
import type { Row } from './row.ts';

/** The default of BullMQ, which the worker uses. */
const jobLock_ms = 30_000;

export const changeFeedRows: readonly Row[] = [
  {
    id: '3+4',
    fault: 'jobs are duplicated and out of order',
    injected: 'the last 200 changes are queued again, ten times each, shuffled',
    async inject(stage) {
      await pause(1_000);
      const { rows } = await stage.system.sql.query<Change>(
        `select seq, transaction_id::text::bigint as transaction, entity, key, version
         from catalog.outbox order by changed_at desc limit 200`,
      );
      await using jobs = await invalidations(stage.system);
      const before = await jobs.queue.getFailedCount();
      const again = Array.from({ length: 10 }, () => rows).flat();
      again.sort(() => stage.random() - 0.5);
      await jobs.queue.addBulk(again.map((change) => ({ name: 'invalidate', data: { changes: [change] } })));
      await eventually(async () => (await jobs.queue.getJobCountByTypes('waiting', 'active')) < 10, {
        timeout_ms: 60_000,
      });
      stage.observe(`${again.length} jobs ran again`);
      stage.expect((await jobs.queue.getFailedCount()) === before, 'no job failed');
    },
  },
  {
    id: '9',
    fault: 'a change with a later sequence number commits first',
    injected: 'a transaction draws its sequence number and waits; another draws the next number and commits',
    async inject({ system, keys, random, observe, expect }) {
      const [one, two] = [...keys.lasting].sort(() => random() - 0.5);
      const client = await system.sql.connect();
      try {
        await client.query('begin');
        await client.query('update catalog.products set weight_grams = 1 where id = $1', [one]);
        await system.sql.query('update catalog.products set weight_grams = 2 where id = $1', [two]);
        await pause(1_500);
        await client.query('commit');
      } finally {
        client.release();
      }
      await pause(1_500);
      const { rows } = await system.sql.query<{ waiting: number }>(
        "select count(*) as waiting from catalog.outbox where applied_at is null and changed_at < now() - interval '3 s'",
      );
      observe(`${rows[0]?.waiting} changes older than 3 s are not applied`);
      expect(rows[0]?.waiting === 0, 'both changes are applied');
    },
  },
  {
    id: '10',
    fault: 'a transaction stays open for long',
    injected: 'a transaction with a change stays open while the load runs',
    async inject({ system, patience, observe, expect }) {
      const client = await system.sql.connect();
      let oldest_ms = 0;
      try {
        await client.query('begin');
        await client.query("update catalog.settings set store_name = 'long'");
        const open_ms = Math.max(5_000, 60_000 * patience);
        const until_ms = performance.now() + open_ms;
        while (performance.now() < until_ms) {
          oldest_ms = Math.max(oldest_ms, await oldestUnapplied_ms(system));
          await pause(50);
        }
        await client.query('rollback');
        observe(`open for ${open_ms / 1000} s; another change waited at most ${oldest_ms.toFixed(0)} ms`);
      } finally {
        client.release();
      }
      expect(oldest_ms <= timings.bound_ms, 'other changes are applied within the bound');
    },
  },
  {
    id: '12',
    fault: 'the worker dies at any point of a job',
    injected: 'repeated kill -9 of the only worker, up to 400 ms after it is ready',
    quick: true,
    async inject({ system, patience, random, soak, observe }) {
      const kills = soak ? 50 : Math.max(3, Math.round(100 * patience));
      await using worker = await ownWorker(system);
      for (let kill = 0; kill < kills; kill++) {
        await worker.start();
        await pause(400 * random());
        await worker.kill();
      }
      observe(`${kills} kills`);
    },
  },
  {
    id: '12b',
    fault: 'the workers are away for long',
    injected: 'SIGSTOP of both; after the bound answers must come from Postgres or be marked stale',
    async inject({ system, patience }) {
      const signalAll = (signal: NodeJS.Signals) =>
        Promise.all(system.workers.map((worker) => worker.signal(signal)));
      await signalAll('SIGSTOP');
      await pause(Math.max(6_000, 60_000 * patience));
      await signalAll('SIGCONT');
    },
  },
  {
    id: '13',
    fault: 'one of two workers is paused for longer than its job lock',
    injected: 'its process is paused with SIGSTOP, later SIGCONT',
    quick: true,
    async inject({ system, patience, observe }) {
      const paused_ms = Math.max(5_000, 40_000 * patience);
      await system.hang('invalidation-worker', paused_ms);
      observe(
        `paused for ${paused_ms / 1000} s` +
          (paused_ms > jobLock_ms ? ', longer than' : ', but not longer than') +
          ` the job lock of ${jobLock_ms / 1000} s`,
      );
    },
  },
  poisonRow,
  {
    id: '16',
    fault: 'a poison job ends the worker process',
    injected: 'process.abort() in the middle of a job; its lock is deleted at once instead of after 30 s',
    async inject(stage) {
      const { system, observe, expect } = stage;
      await using jobs = await invalidations(system);
      await using worker = await ownWorker(system, {
        env: { NODE_OPTIONS: `--import=${import.meta.resolve('../system/abort-on-poison.fixture.ts')}` },
      });
      const poison = await jobs.queue.add('invalidate', { changes: [{ key: 'poison' }] });
      const [lock, lastCheck] = [`${poison.id}:lock`, 'stalled-check'].map((key) => jobs.queue.toKey(key));
      let ends = 0;
      for (let start = 0; start < 15 && !(await poison.isFailed()); start++) {
        // A worker checks for stalled jobs when it starts. The first check marks a job, the next one takes it.
        await worker.kill();
        await system.state.del(lock ?? '', lastCheck ?? '');
        // It may take the job before it is ready.
        await worker.start().catch(() => undefined);
        await eventually(async () => !worker.isAlive || (await poison.isFailed()), {
          timeout_ms: 1_000,
        }).catch(() => undefined);
        if (!worker.isAlive) ends += 1;
      }
      const { failedReason } = (await jobs.queue.getJob(poison.id ?? '')) ?? {};
      observe(`the worker ended ${ends} times, then the job failed: ${failedReason}`);
      expect(ends >= 1 && ends <= 3 && worker.isAlive, 'the job fails for good, and the worker runs');
    },
  },
  {
    id: '22',
    fault: 'the state Redis is full',
    injected: 'maxmemory 1 with noeviction',
    async inject({ system, patience }) {
      const before = /maxmemory:(\d+)/.exec(await system.state.info('memory'))?.[1] ?? '0';
      await system.state.config('SET', 'maxmemory', '1');
      await pause(Math.max(4_000, 20_000 * patience));
      await system.state.config('SET', 'maxmemory', before);
    },
  },
  {
    id: '23',
    fault: 'the state Redis loses everything',
    injected: 'FLUSHALL and kill -9; it starts again, empty',
    quick: true,
    async inject({ system }) {
      await system.state.flushall();
      await system.killAndAwait('state-redis');
    },
  },
];
