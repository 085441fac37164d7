/** A row with very many changes at once. If the worker read all of them into memory, its memory would grow. */
import { withTransaction } from '@catalog/database';
import { pause } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { metric } from '../system/metrics.ts';
import { ownWorker } from '../system/own-worker.ts';
import type { System } from '../system/system.ts';
import type { Row } from './row.ts';

/** How often one transaction changes each product. The last one makes several times the changes of one batch. */
const sizes = [1, 8];
const MiB = 2 ** 20;
/** Twice what the worker needs without load. In so small a heap garbage is collected at once, so it does not look like growth. */
const heap_MiB = 64;
const flat_MiB = 32;

const changeAll = (times: number): string => `do $$ begin
  for change in 1..${times} loop
    update catalog.products set weight_grams = coalesce(weight_grams, 0) + 1 where category <> 'checked';
  end loop;
end $$`;

/** Resolves when all changes are applied. @returns their number */
async function changeAndAwait({ sql }: System, times: number): Promise<number> {
  const transaction = await withTransaction(sql, async (client) => {
    await client.query(changeAll(times));
    const { rows } = await client.query<{ id: string }>('select pg_current_xact_id() as id');
    return rows[0]?.id;
  });
  const count = async (): Promise<{ all: number; waiting: number } | undefined> => {
    const { rows } = await sql.query<{ all: number; waiting: number }>(
      `select count(*) as all, count(*) filter (where applied_at is null) as waiting
       from catalog.outbox where coalesce(made_by, transaction_id) = $1`,
      [transaction],
    );
    return rows[0];
  };
  const isApplied = async () => {
    const { all = 0, waiting = 0 } = (await count()) ?? {};
    return all > 0 && waiting === 0;
  };
  await eventually(isApplied, { timeout_ms: 60_000, interval_ms: 100 });
  return (await count())?.all ?? 0;
}

async function sample(look: () => Promise<number>, over: AbortSignal): Promise<number[]> {
  const seen: number[] = [];
  do {
    // A dead worker counts as infinite memory.
    seen.push(await look().catch(() => Infinity));
    await pause(50);
  } while (!over.aborted);
  return seen;
}

export const massChangeRow: Row = {
  id: '41',
  fault: 'one statement changes very many rows',
  injected:
    `one transaction that changes every product ${sizes.join(', then ')} times, and a worker with a heap of ${heap_MiB} MiB ` +
    '(a million rows: npm run bench -- bulk)',
  async inject({ system, observe, expect }) {
    await using worker = await ownWorker(system, {
      env: { NODE_OPTIONS: `--max-old-space-size=${heap_MiB}` },
    });
    await worker.start();
    const resident_MiB = async (): Promise<number> =>
      (await metric(worker.url, 'process_resident_memory_bytes')) / MiB;
    const peaks_MiB: number[] = [];
    for (const times of sizes) {
      const over = new AbortController();
      const [changes, seen_MiB] = await Promise.all([
        changeAndAwait(system, times).finally(() => over.abort()),
        sample(resident_MiB, over.signal),
      ]);
      const peak_MiB = Math.max(...seen_MiB);
      observe(
        `${changes} changes: the worker used at most ${peak_MiB.toFixed(0)} MiB (${seen_MiB.length} samples)`,
      );
      peaks_MiB.push(peak_MiB);
    }
    const [small_MiB = 0, large_MiB = Infinity] = peaks_MiB;
    const growth_MiB = large_MiB - small_MiB;
    expect(worker.isAlive, 'the worker runs');
    expect(
      growth_MiB <= flat_MiB,
      `${sizes[1]} times as many changes need at most ${flat_MiB} MiB more (${growth_MiB.toFixed(0)})`,
    );
  },
};
