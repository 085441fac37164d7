/** Faults of the doorbell and of its listener. */
import { pause } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { deafProxy } from '../system/deaf-proxy.ts';
import { metric } from '../system/metrics.ts';
import { oldestUnapplied_ms } from '../system/outbox.ts';
import { ownWorker } from '../system/own-worker.ts';
import { withPort } from '../system/with-port.ts';
import type { Row, Stage } from './row.ts';

const doorbellSession = "select pid from pg_stat_activity where application_name = 'doorbell'";

/** One of each worker. */
async function doorbellPids({ system }: Stage): Promise<number[]> {
  const { rows } = await system.sql.query<{ pid: number }>(doorbellSession);
  return rows.map(({ pid }) => pid);
}

/** The time until a worker has a session for its doorbell that is not among these. */
async function untilReplaced(stage: Stage, old: readonly number[]): Promise<number> {
  const began_ms = performance.now();
  await eventually(async () => (await doorbellPids(stage)).some((pid) => !old.includes(pid)), {
    timeout_ms: 20_000,
    interval_ms: 20,
  });
  return performance.now() - began_ms;
}

async function queueUsage({ system }: Stage): Promise<number> {
  const { rows } = await system.sql.query<{ usage: number }>('select pg_notification_queue_usage() as usage');
  return rows[0]?.usage ?? 0;
}

interface Readiness {
  readonly status: number;
  readonly checks: Readonly<Record<string, string>>;
  readonly warnings?: Readonly<Record<string, string>>;
}

async function readinessOf(url: string): Promise<Readiness> {
  const response = await fetch(`${url}/readyz`);
  return { ...((await response.json()) as Omit<Readiness, 'status'>), status: response.status };
}

export const doorbellRows: readonly Row[] = [
  {
    id: '5',
    fault: 'the connection of a listener is killed',
    injected: 'pg_terminate_backend',
    quick: true,
    async inject(stage) {
      const old = await doorbellPids(stage);
      await stage.system.sql.query('select pg_terminate_backend($1)', [old[0]]);
      const back_ms = await untilReplaced(stage, old);
      stage.observe(`listening again after ${back_ms.toFixed(0)} ms`);
      stage.expect(back_ms <= 2_000, 'it listens again within 2 s');
    },
  },
  {
    id: '6',
    fault: 'the connection of a listener is half-open',
    injected: 'SIGSTOP of its backend: the socket stays open, and nothing arrives',
    async inject(stage) {
      const old = await doorbellPids(stage);
      const [pid] = old;
      if (pid === undefined) throw new Error('No session listens to the doorbell.');
      process.kill(pid, 'SIGSTOP');
      try {
        const noticed_ms = await untilReplaced(stage, old);
        stage.observe(`replaced after ${noticed_ms.toFixed(0)} ms`);
        stage.expect(noticed_ms <= 5_000, 'the worker notices it within 5 s');
      } finally {
        process.kill(pid, 'SIGCONT');
      }
    },
  },
  {
    id: '7',
    fault: 'the subscription is silently lost',
    injected: 'a proxy between Postgres and a separate worker drops the notifications, and nothing else',
    async inject(stage) {
      const { system } = stage;
      await using proxy = await deafProxy(system.stack.port('postgres'));
      const mapDirectUrl = (url: string) => withPort(url, proxy.port);
      await using worker = await ownWorker(system, { mapDirectUrl });
      await worker.start();
      const old = await doorbellPids(stage);
      await pause(500);
      proxy.deafen();
      const noticed_ms = await untilReplaced(stage, old);
      stage.observe(
        `the worker missed its own test notification and replaced the session after ${noticed_ms.toFixed(0)} ms`,
      );
      stage.expect(noticed_ms <= 5_000, 'the worker notices it within 5 s');
    },
  },
  {
    id: '8',
    fault: 'the doorbell never rings',
    injected: 'catalog.ring_doorbell() is replaced by a function that does nothing',
    quick: true,
    async inject({ system, patience, observe, expect }) {
      const { rows } = await system.sql.query<{ definition: string }>(
        "select pg_get_functiondef('catalog.ring_doorbell()'::regprocedure) as definition",
      );
      await system.sql.query(
        'create or replace function catalog.ring_doorbell() returns boolean language sql begin atomic select false; end',
      );
      let oldest_ms = 0;
      const until_ms = performance.now() + Math.max(4_000, 15_000 * patience);
      while (performance.now() < until_ms) {
        oldest_ms = Math.max(oldest_ms, await oldestUnapplied_ms(system));
        await pause(20);
      }
      await system.sql.query(rows[0]?.definition ?? '');
      observe(`a change waited at most ${oldest_ms.toFixed(0)} ms`);
      expect(oldest_ms <= 1_000, 'the safety poll dispatches every change within 1 s');
    },
  },
  {
    id: '11',
    outboxOnly: 'it counts rings, and no change rings',
    fault: 'the NOTIFY queue fills up',
    injected:
      'a LISTEN session stuck in a transaction, and notifications until the queue of 64 pages is half full',
    async inject(stage) {
      const { system, patience, observe, expect } = stage;
      const worker = system.stack.url('invalidation-worker');
      await system.sql.query('alter system set max_notify_queue_pages = 64');
      await system.killAndAwait('postgres', 'SIGINT');
      const [ear, stuck] = [await system.sql.connect(), await system.sql.connect()];
      let rings = 0;
      ear.on('notification', ({ payload }) => (rings += payload === '' ? 1 : 0));
      try {
        await ear.query('listen catalog_outbox');
        await pause(2_000);
        const usual = rings;
        await stuck.query('listen anything');
        await stuck.query('begin');
        while ((await queueUsage(stage)) < 0.5)
          await system.sql.query("select pg_notify('other', repeat('x', 7000))");
        // The last rings may still be on their way.
        await pause(200);
        rings = 0;
        const from = stage.load.history.length;
        // The worker measures the queue every 5 s.
        const until_ms = performance.now() + Math.max(7_000, 30_000 * patience);
        const reports: Readiness[] = [];
        while (performance.now() < until_ms) {
          reports.push(await readinessOf(worker));
          await pause(250);
        }
        const writes = stage.load.history
          .slice(from)
          .filter(({ kind, outcome }) => kind !== 'read' && outcome === 'ok').length;
        const warned = await metric(worker, 'postgres_notification_queue_usage');
        const unready = reports.filter(({ status }) => status !== 200);
        const warning = reports.at(-1)?.warnings?.['doorbell'];
        observe(
          `${usual} rings in the 2 s before, then ${rings} rings for ${writes} writes; the metric shows ${warned}; ` +
            `${unready.length} of ${reports.length} answers of /readyz were not ready ${JSON.stringify(unready[0]?.checks ?? '')}, ` +
            `the warning: doorbell ${warning}`,
        );
        expect(usual > 0 && rings === 0, 'the doorbell stops ringing');
        expect(writes > 50, 'writes succeed');
        expect(warned >= 0.5, 'the metric shows the full queue');
        expect(warning !== undefined && unready.length === 0, '/readyz warns and stays ready');
      } finally {
        for (const session of [ear, stuck]) session.release(true);
        await system.sql.query('alter system reset max_notify_queue_pages');
        await system.killAndAwait('postgres', 'SIGINT');
      }
    },
  },
];
