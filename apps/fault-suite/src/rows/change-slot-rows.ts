/** Faults of the change slot. If the source of the run is the outbox, each row switches to the slot and back. */
import { pause } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { metric } from '../system/metrics.ts';
import type { ChangeSource, System } from '../system/system.ts';
import type { Row, Stage } from './row.ts';

const patience = { timeout_ms: 30_000, interval_ms: 50 };
const slotName = "'catalog_' || (select oid from pg_database where datname = current_database())";

async function switchTo({ sql }: System, source: ChangeSource): Promise<void> {
  await sql.query('alter role invalidation_worker replication');
  await sql.query('update catalog.change_slot set wanted = $1', [source]);
  const isSwitched = `select from catalog.change_slot
    where catalog.change_source() = $1 and in_use = ($1 = 'slot') and (landed is not null or not in_use)`;
  await eventually(async () => (await sql.query(isSwitched, [source])).rowCount === 1, patience);
}

/** Runs `work` with the slot as the source, then switches back to the former source. */
async function withSlot({ system }: Stage, work: () => Promise<void>): Promise<void> {
  const { rows } = await system.sql.query<{ source: ChangeSource }>(
    'select catalog.change_source() as source',
  );
  await switchTo(system, 'slot');
  try {
    await work();
  } finally {
    await switchTo(system, rows[0]?.source ?? 'outbox');
  }
}

/** How many lost slots the workers have counted. */
async function countLost({ workers }: System): Promise<number> {
  const counts = await Promise.all(workers.map(({ url }) => metric(url, 'change_slots_lost_total')));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Deletes the slot. First ends the session that reads it. The worker of this session must be paused. */
async function deleteSlot({ sql }: System): Promise<void> {
  await sql.query(
    `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = ${slotName}`,
  );
  const isUnread = `select from pg_replication_slots where slot_name = ${slotName} and not active`;
  await eventually(async () => (await sql.query(isUnread)).rowCount === 1, patience);
  await sql.query(`select pg_drop_replication_slot(${slotName})`);
}

export const changeSlotRows: readonly Row[] = [
  {
    id: '90',
    fault: 'the source of changes is switched',
    injected: 'from the outbox to the change slot and back, several times, under load',
    async inject(stage) {
      const { system, observe } = stage;
      const times_ms: number[] = [];
      await withSlot(stage, async () => {
        for (const source of ['outbox', 'slot', 'outbox', 'slot'] as const) {
          const began_ms = performance.now();
          await switchTo(system, source);
          times_ms.push(performance.now() - began_ms);
          await pause(500);
        }
      });
      observe(`switched within ${times_ms.map((time_ms) => `${(time_ms / 1000).toFixed(1)} s`).join(', ')}`);
    },
  },
  {
    id: '91',
    fault: 'the change slot is lost',
    injected: 'all workers are paused and the slot is deleted; the load goes on',
    async inject(stage) {
      const { system, observe, expect } = stage;
      await withSlot(stage, async () => {
        const before = await countLost(system);
        await Promise.all(system.workers.map((worker) => worker.signal('SIGSTOP')));
        await deleteSlot(system);
        await pause(1_500);
        await Promise.all(system.workers.map((worker) => worker.signal('SIGCONT')));
        const began_ms = performance.now();
        const isBack = 'select from catalog.change_slot where landed is not null';
        await eventually(async () => (await countLost(system)) > before, patience);
        await eventually(async () => (await system.sql.query(isBack)).rowCount === 1, patience);
        const lost = (await countLost(system)) - before;
        observe(
          `counted ${lost} times; the cache was purged ${((performance.now() - began_ms) / 1000).toFixed(1)} s after the worker went on`,
        );
        expect(lost === 1, 'the loss is counted once');
      });
    },
  },
  {
    id: '92',
    fault: 'the session that reads the change slot is killed',
    injected: 'pg_terminate_backend, again and again, under load',
    async inject(stage) {
      const { system, observe } = stage;
      await withSlot(stage, async () => {
        let ends = 0;
        for (let round = 0; round < 5; round++) {
          const { rowCount } = await system.sql.query(
            `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = ${slotName} and active`,
          );
          ends += rowCount ?? 0;
          await pause(700);
        }
        observe(`ended ${ends} times`);
      });
    },
  },
];
