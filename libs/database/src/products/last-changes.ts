import { maxShownValue_chars, writableProductFields, type LastChange } from '@catalog/contracts';
import type { Queryable } from '../postgres/pool.ts';
import { loadSql } from '../postgres/sql.ts';
import { readRows } from '../postgres/unreadable.ts';

const lastChanges = loadSql(import.meta.url, './last-changes.sql');

interface Row extends Omit<LastChange, 'fields'> {
  readonly fields: readonly string[];
  readonly old: Readonly<Record<string, unknown>>;
  readonly new: Readonly<Record<string, unknown>>;
}

/** The last change of each of these products. A product is missing if it does not exist, or if that change is no longer kept. */
export async function readLastChanges(db: Queryable, productIds: readonly string[]): Promise<LastChange[]> {
  const rows = await readRows<Row>(
    db,
    { text: lastChanges, values: [productIds, maxShownValue_chars] },
    'product_history',
    ({ productId, version }) => `${productId} ${version}`,
  );
  return rows.flatMap(({ row, isUnreadable }) => (isUnreadable ? [] : [changeOf(row)]));
}

function changeOf({ fields, old, new: written, ...change }: Row): LastChange {
  return {
    ...change,
    fields: writableProductFields
      .filter((field) => fields.includes(field))
      .map((field) => ({
        field,
        ...(field in old && { old: old[field] }),
        ...(field in written && { new: written[field] }),
      })),
  };
}
