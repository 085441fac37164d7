import type { QueryConfig, QueryResultRow } from 'pg';
import { logOf, type Queryable } from './pool.ts';
import { markingParsers, UnreadableValue } from './types.ts';

export interface ReadRow<Row> {
  readonly row: Row;
  /** Leave the row out of the answer: some of its values are `UnreadableValue`. */
  readonly isUnreadable: boolean;
}

/**
 * Reads rows so that one which JSON cannot show, for instance with the timestamp `infinity`, does not fail the others. The
 * log of the pool gets its entity, key and column. Constraints refuse such values; a later constraint or a restore may
 * still bring one in.
 *
 * @param keyOf names the row in the log
 */
export async function readRows<Row extends QueryResultRow>(
  db: Queryable,
  query: QueryConfig,
  entity: string,
  keyOf: (row: Row) => string,
): Promise<ReadRow<Row>[]> {
  const { rows } = await db.query<Row>({ ...query, types: markingParsers });
  return rows.map((row) => {
    for (const [column, value] of Object.entries<unknown>(row)) {
      if (!(value instanceof UnreadableValue)) continue;
      const details = { entity, key: keyOf(row), column, reason: value.reason };
      logOf(db)?.error(details, 'a row that JSON cannot show was left out');
      return { row, isUnreadable: true };
    }
    return { row, isUnreadable: false };
  });
}
