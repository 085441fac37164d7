import { printable, writableProductFields, type ImportChanges, type ProductCreate } from '@catalog/contracts';
import { type Queryable } from '@catalog/database';
import { isDeepStrictEqual } from 'node:util';
import { importLimits } from '../limits.ts';
import { loadStatement } from './load-statement.ts';

const sql = {
  countChanges: loadStatement('count-changes'),
  listChanges: loadStatement('list-changes'),
};

type Field = keyof ProductCreate;
type Fields = Readonly<Record<Field, unknown>>;
interface ChangedRow {
  readonly line: number;
  readonly sku: string;
  readonly old: Fields;
  readonly new: Fields;
}

/** What the staged rows would change in existing products. */
export async function readChanges(client: Queryable): Promise<ImportChanges> {
  const counted = await client.query<Record<Field, number>>(sql.countChanges);
  const [counts] = counted.rows;
  const fields: Partial<Record<Field, number>> = {};
  for (const field of writableProductFields) {
    const count = counts?.[field] ?? 0;
    if (count > 0) fields[field] = count;
  }
  const listed = await client.query<ChangedRow>(sql.listChanges, [importLimits.listedChanges]);
  const rows: ImportChanges['rows'] = [];
  let left_chars: number = importLimits.listedChanges_chars;
  for (const row of listed.rows) {
    const change = describe(row);
    left_chars -= JSON.stringify(change).length;
    if (left_chars < 0) break;
    rows.push(change);
  }
  return { fields, rows };
}

function describe({ line, sku, old, new: would }: ChangedRow): ImportChanges['rows'][number] {
  const fields = writableProductFields
    .filter((field) => !isDeepStrictEqual(old[field], would[field]))
    .map((field) => {
      const [from, to] =
        field === 'attributes' ? differences(old[field], would[field]) : [old[field], would[field]];
      return { field, old: shown(from), new: shown(to) };
    });
  return { line, sku, fields };
}

/** Only the attributes that differ, at most ten: a product may have a hundred. */
function differences(old: unknown, would: unknown): [object, object] {
  const [before, after] = [old, would] as Record<string, unknown>[];
  const keys = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  const changed = keys.filter((key) => before?.[key] !== after?.[key]).slice(0, 10);
  const only = (given: Record<string, unknown> | undefined) =>
    Object.fromEntries(
      changed.filter((key) => given && key in given).map((key) => [key, shown(given?.[key])]),
    );
  return [only(before), only(after)];
}

const shown = (value: unknown): unknown =>
  typeof value === 'string' && value.length > importLimits.listedValue_chars
    ? printable(value, importLimits.listedValue_chars)
    : value;
