import { writableProductFields, type ProductCreate, type ProductFilter } from '@catalog/contracts';
import type { Pool, QueryArrayConfig } from 'pg';
import { fillIn, loadSql } from '../../postgres/sql.ts';
import { Bound, conditionsOf } from '../lists/filter.ts';

const sql = {
  tune: loadSql(import.meta.url, './tune.sql'),
  declare: loadSql(import.meta.url, './declare.sql'),
};

/** The fields of an exported row, in its order: those that an import takes. */
export const exportedFields: readonly (keyof ProductCreate)[] = writableProductFields;
/** The values as Postgres writes them: text, digits, or JSON. */
export type ExportedRow = readonly (string | null)[];

/**
 * About 30 KiB, and 11 MiB of the largest products. The next batch is read while this one is sent, so two of them are in
 * memory.
 */
const batch_rows = 100;
/** A filter without an index of its own sorts all products first. */
const firstRows_ms = 60_000;
/** The client must take what was read in this time: its snapshot keeps vacuum from removing dead rows. */
const idle_ms = 60_000;

const fetchBatch: QueryArrayConfig & { readonly query_timeout: number } = {
  text: `fetch forward ${batch_rows} from exported`,
  rowMode: 'array',
  query_timeout: firstRows_ms + 1_000,
  types: { getTypeParser: () => (text: string) => text },
};

/**
 * All products that match, by id, in batches of one snapshot. Memory does not depend on their number. If the caller stops early,
 * the connection is closed.
 */
export async function* exportProducts(
  pool: Pool,
  filter: ProductFilter,
): AsyncGenerator<readonly ExportedRow[]> {
  if (filter.q === '') return;
  const bound = new Bound();
  const declare = fillIn(sql.declare, { ...conditionsOf(filter, bound) });
  const client = await pool.connect();
  let isDone = false;
  try {
    await client.query('begin isolation level repeatable read, read only');
    await client.query(sql.tune, [`${firstRows_ms}ms`, `${idle_ms}ms`]);
    await client.query(declare, bound.values);
    const next = async (): Promise<ExportedRow[]> => (await client.query<(string | null)[]>(fetchBatch)).rows;
    let coming = next();
    for (;;) {
      const rows = await coming;
      if (rows.length === 0) break;
      coming = next();
      // It is awaited after the yield. A failure before that must not count as an unhandled rejection.
      coming.catch(() => {});
      yield rows;
    }
    await client.query('commit');
    isDone = true;
  } finally {
    client.release(!isDone);
  }
}
