import type { Pool } from '@catalog/database';
import { loadSql } from '@catalog/database';

const clockSql = loadSql(import.meta.url, './clock.sql');

/**
 * Milliseconds by which the clock of Postgres is ahead of the one of this process, so that times of both can be compared.
 * Wrong by at most half the time of the query (as NTP, RFC 5905).
 */
export async function clockOffset_ms(pool: Pool): Promise<number> {
  const began_ms = performance.timeOrigin + performance.now();
  const { rows } = await pool.query<{ now_ms: number }>(clockSql);
  const ended_ms = performance.timeOrigin + performance.now();
  return (rows[0]?.now_ms ?? began_ms) - (began_ms + ended_ms) / 2;
}
