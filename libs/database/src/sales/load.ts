import { monthSchema, type SalesMonth } from '@catalog/contracts';
import type { EntityRow } from '../entities/entity-row.ts';
import type { Queryable } from '../postgres/pool.ts';
import { prepared } from '../postgres/retry-read.ts';
import { loadSql } from '../postgres/sql.ts';

const sql = loadSql(import.meta.url, './load.sql');

interface Row {
  readonly month: string;
  readonly currency: string;
  readonly revenueMinor: number | null;
  readonly orders: number;
}

/** The completed orders of these months, in one query. A month without sales has an empty body; a key that is no month is missing. */
export async function loadSalesMonths(
  db: Queryable,
  months: readonly string[],
): Promise<Map<string, EntityRow<SalesMonth>>> {
  const wanted = [...new Set(months)].filter((month) => monthSchema.safeParse(month).success);
  const sales = new Map(wanted.map((month): [string, SalesMonth['sales']] => [month, []]));
  if (wanted.length > 0) {
    const { rows } = await db.query<Row>(prepared('sales/load', sql, [wanted.map((month) => `${month}-01`)]));
    for (const { month, ...sale } of rows) sales.get(month)?.push(sale);
  }
  return new Map(
    months.map((month) => {
      const found = sales.get(month);
      return [month, { version: 0, body: found === undefined ? null : { month, sales: found } }];
    }),
  );
}
