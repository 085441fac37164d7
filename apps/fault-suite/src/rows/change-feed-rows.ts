/** Faults of the change feed: relay, worker, queue. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Change, timings } from '@catalog/contracts';
import { eventually } from '@catalog/testing';
import { invalidations } from '../system/invalidations.ts';
import { oldestUnapplied_ms } from '../system/outbox.ts';
import { ownWorker } from '../system/own-worker.ts';
import { poisonRow } from './poison-row.ts';
import type { Row } from './row.ts';

/** BullMQ's own, which the worker leaves as it is. */
const jobLock_ms = 30_000;

export const changeFeedRows: readonly Row[] = [
  {
    id: '3+4',
    fault: 'jobs duplicated and out of order',
    injected: 'the last 200 changes queued again, ten times each, shuffled',
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
      stage.observe(`${again.length} jobs done again`);
      stage.expect((await jobs.queue.getFailedCount()) === before, 'none was refused');
    },
  },
  {
    id: '9',
    fault: 'sequence gap',
    injected: 'a transaction takes its number, another commits, then the first',
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
      observe(`${rows[0]?.waiting} older changes wait`);
      expect(rows[0]?.waiting === 0, 'both were applied');
    },
  },
  {
    id: '10',
    fault: 'long transaction',
    injected: 'open beside the load, with a change in it',
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
        observe(
          `open for ${open_ms / 1000} s; the oldest other change had waited ${oldest_ms.toFixed(0)} ms`,
        );
      } finally {
        client.release();
      }
      expect(oldest_ms <= timings.bound_ms, 'other changes flow');
    },
  },
  {
    id: '12',
    fault: 'worker dies anywhere in a job',
    injected: 'kill -9 of the only worker, up to 400 ms after it is ready, again and again',
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
    fault: 'worker gone for long',
    injected:
      'SIGSTOP, as if it were not there; past the bound answers come from Postgres or say that they are stale',
    async inject({ system, patience }) {
      await system.kill('invalidation-worker', 'SIGSTOP');
      await pause(Math.max(6_000, 60_000 * patience));
      await system.kill('invalidation-worker', 'SIGCONT');
    },
  },
  {
    id: '13',
    fault: 'worker paused past its lock',
    injected: 'SIGSTOP, SIGCONT',
    quick: true,
    async inject({ system, patience, observe }) {
      const paused_ms = Math.max(5_000, 40_000 * patience);
      await system.kill('invalidation-worker', 'SIGSTOP');
      await pause(paused_ms);
      await system.kill('invalidation-worker', 'SIGCONT');
      observe(
        `paused for ${paused_ms / 1000} s` +
          (paused_ms > jobLock_ms ? ', longer than' : ', NOT longer than') +
          ` the lock of ${jobLock_ms / 1000} s`,
      );
    },
  },
  poisonRow,
  {
    id: '16',
    fault: 'poison job that ends the process',
    injected:
      'process.abort() in the middle of a job; the locks that it leaves end at once instead of after 30 s',
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
        // A worker looks for stalled jobs when it starts: the first look suspects a job, the next takes it.
        await worker.kill();
        await system.state.del(lock ?? '', lastCheck ?? '');
        // It may meet the job before it is ready.
        await worker.start().catch(() => undefined);
        await eventually(async () => !worker.isAlive || (await poison.isFailed()), {
          timeout_ms: 1_000,
        }).catch(() => undefined);
        if (!worker.isAlive) ends += 1;
      }
      const { failedReason } = (await jobs.queue.getJob(poison.id ?? '')) ?? {};
      observe(`the worker ended ${ends} times, then the job stands among the failed: ${failedReason}`);
      expect(ends >= 1 && ends <= 3 && worker.isAlive, 'the job is given up, and the worker lives');
    },
  },
  {
    id: '22',
    fault: 'state Redis full',
    injected: 'maxmemory 1 with noeviction',
    async inject({ system, patience }) {
      await system.state.config('SET', 'maxmemory', '1');
      await pause(Math.max(4_000, 20_000 * patience));
      await system.state.config('SET', 'maxmemory', '0');
    },
  },
  {
    id: '23',
    fault: 'state Redis loses everything',
    injected: 'FLUSHALL, kill -9, started empty',
    quick: true,
    async inject({ system }) {
      await system.state.flushall();
      await system.killAndAwait('state-redis');
    },
  },
];
