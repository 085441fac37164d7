import type { Queryable } from '../../postgres/pool.ts';
import { fillIn, loadSql } from '../../postgres/sql.ts';
import { Bound, conditionsOf, type ConditionOptions, type ProductFilter } from './filter.ts';

const sql = loadSql(import.meta.url, './estimate.sql');

/** How many products match, as Postgres expects from its statistics. It reads no product. */
export async function expectedRows(
  db: Queryable,
  filter: Partial<ProductFilter>,
  options?: ConditionOptions,
): Promise<number> {
  const bound = new Bound();
  const { tables, conditions } = conditionsOf(filter, bound, options);
  const text = fillIn(sql, { tables, conditions });
  const { rows } = await db.query<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>(text, bound.values);
  return Math.round(rows[0]?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0);
}
