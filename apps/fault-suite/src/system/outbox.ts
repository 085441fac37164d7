/** The outbox, as a row looks into it. */
import type { System } from './system.ts';

/** How long ago the oldest change was committed that is not applied. */
export async function oldestUnapplied_ms({ sql }: System): Promise<number> {
  const { rows } = await sql.query<{ age_ms: number }>(
    `select coalesce(max(extract(epoch from clock_timestamp() - changed_at)), 0)::float8 * 1000 as age_ms
     from catalog.outbox where applied_at is null`,
  );
  return rows[0]?.age_ms ?? 0;
}
