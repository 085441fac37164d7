import type { System } from './system.ts';

/** The age of the oldest change that is not applied; 0 if there is none. */
export async function oldestUnapplied_ms({ sql }: System): Promise<number> {
  const { rows } = await sql.query<{ age_ms: number }>(
    `select coalesce(max(extract(epoch from clock_timestamp() - changed_at)), 0)::float8 * 1000 as age_ms
     from catalog.outbox where applied_at is null`,
  );
  return rows[0]?.age_ms ?? 0;
}
