/** A row with jobs that always fail, among good jobs. */
import { pause } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { demoProducts } from '../system/demo-products.ts';
import { invalidations } from '../system/invalidations.ts';
import type { Row, Stage } from './row.ts';

const turns = 4;
const turn_ms = 2_500;
const poisonEvery_ms = 50;
/** With fewer samples a p99 means nothing. */
const leastSamples = 300;

/** The time from commit to applied, for each change committed in this time. */
async function toApplied_ms({ system }: Stage, from: Date, to: Date): Promise<number[]> {
  const { rows } = await system.sql.query<{ took_ms: number }>(
    `select extract(epoch from applied_at - coalesce(committed_at, changed_at))::float8 * 1000 as took_ms
     from catalog.outbox where changed_at >= $1 and changed_at < $2 and applied_at is not null`,
    [from, to],
  );
  return rows.map(({ took_ms }) => took_ms);
}

async function clock({ system }: Stage): Promise<Date> {
  const { rows } = await system.sql.query<{ now: Date }>('select clock_timestamp() as now');
  return rows[0]?.now ?? new Date(0);
}

const p99 = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.99) - 1] ?? Number.NaN;

/** Changes many products that the load does not use. */
async function writeUntil({ system }: Stage, over: AbortSignal): Promise<void> {
  const ids = await demoProducts(system.sql, 500);
  for (let next = 0; !over.aborted; next++) {
    await system.sql.query('update catalog.products set price_minor = price_minor + 1 where id = $1', [
      ids[next % ids.length],
    ]);
    await pause(5);
  }
}

export const poisonRow: Row = {
  id: '15',
  fault: 'poison jobs',
  injected: `a job that always fails every ${poisonEvery_ms} ms, beside writes of other keys, in turns with the same writes alone`,
  async inject(stage) {
    const { system, observe, expect } = stage;
    await using jobs = await invalidations(system);
    const before = await jobs.queue.getFailedCount();
    const over = new AbortController();
    const writing = writeUntil(stage, over.signal);
    // In turns, so that other work of the machine disturbs both alike.
    const spans: (readonly ['without' | 'beside', Date, Date])[] = [];
    let poisoned = 0;
    try {
      for (let turn = 0; turn < 2 * turns; turn++) {
        const kind = turn % 2 === 0 ? 'without' : 'beside';
        const from = await clock(stage);
        const until_ms = performance.now() + turn_ms;
        while (performance.now() < until_ms) {
          if (kind === 'beside') {
            await jobs.queue.add('invalidate', { changes: 'poison' });
            poisoned += 1;
          }
          await pause(poisonEvery_ms);
        }
        spans.push([kind, from, await clock(stage)]);
      }
    } finally {
      over.abort();
      await writing;
    }
    await eventually(async () => (await jobs.queue.getFailedCount()) >= before + poisoned, {
      timeout_ms: 20_000,
    });
    const took: Record<'without' | 'beside', number[]> = { without: [], beside: [] };
    for (const [kind, from, to] of spans) took[kind].push(...(await toApplied_ms(stage, from, to)));
    const [without_ms, beside_ms] = [p99(took.without), p99(took.beside)];
    observe(
      `${poisoned} jobs failed; p99 from commit to applied ${without_ms.toFixed(1)} ms without them ` +
        `(${took.without.length} changes), ${beside_ms.toFixed(1)} ms beside them (${took.beside.length} changes)`,
    );
    expect(
      Math.min(took.without.length, took.beside.length) >= leastSamples,
      'there are enough changes for a p99',
    );
    expect(beside_ms <= 2 * without_ms, 'the p99 of other changes at most doubles');
  },
};
