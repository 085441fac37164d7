import type { QueryConfig, QueryResultRow } from 'pg';
import type { Queryable } from './pool.ts';
import { markingParsers, UnreadableValue } from './types.ts';

/** A row that has a value which JSON cannot show, such as the timestamp `infinity`. */
export interface UnreadableRow {
  readonly entity: string;
  readonly key: string;
  readonly column: string;
  /** Why the value has no JSON form. */
  readonly reason: string;
}
export type ReportUnreadable = (row: UnreadableRow) => void;

export interface ReadRow<Row> {
  readonly row: Row;
  /** Leave the row out of the answer: some of its values are `UnreadableValue`. */
  readonly isUnreadable: boolean;
}

/**
 * Reads rows of which one may be unreadable without failing the others. Constraints refuse such values; this is for the
 * ones that a later constraint or a restore brings in anyway.
 *
 * @param keyOf names the row in the report
 */
export async function readRows<Row extends QueryResultRow>(
  db: Queryable,
  query: QueryConfig,
  {
    entity,
    keyOf,
    onUnreadable,
  }: {
    readonly entity: string;
    readonly keyOf: (row: Row) => string;
    readonly onUnreadable: ReportUnreadable | undefined;
  },
): Promise<ReadRow<Row>[]> {
  const { rows } = await db.query<Row>({ ...query, types: markingParsers });
  return rows.map((row) => {
    const bad = Object.entries<unknown>(row).find(([, value]) => value instanceof UnreadableValue);
    if (bad === undefined) return { row, isUnreadable: false };
    onUnreadable?.({ entity, key: keyOf(row), column: bad[0], reason: (bad[1] as UnreadableValue).reason });
    return { row, isUnreadable: true };
  });
}
