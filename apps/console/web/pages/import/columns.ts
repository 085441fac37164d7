/** Which column of a file holds which field. A browser remembers it for each header. */
import { allFields, fieldNames, type FieldName } from '../../products/fields.ts';

/** The column that the console adds to the failed rows. It holds no field. */
export const reasonsColumn = 'reasons';

/** '' leaves the column out. undefined: not chosen yet. */
export type ColumnMap = Readonly<Record<string, FieldName | '' | undefined>>;

const plain = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
/** "Weight (g)" is "Weight". */
const withoutUnit = (text: string): string =>
  text.replace(/[([].*$/, '').replace(/[ _-](?:g|kg|mm|cm|eur|usd)$/i, '');

/** What other systems call the fields. */
const otherNames: Readonly<Record<string, FieldName>> = {
  articlenumber: 'sku',
  itemnumber: 'sku',
  productcode: 'sku',
  title: 'name',
  productname: 'name',
  manufacturer: 'brand',
  vendor: 'brand',
  type: 'category',
  ean: 'gtin',
  upc: 'gtin',
  barcode: 'gtin',
  depth: 'lengthMm',
};

/** A column may be called `constructor`. */
const otherName = (name: string): FieldName | undefined =>
  Object.hasOwn(otherNames, name) ? otherNames[name] : undefined;

/**
 * The field that a column probably holds. Files often have prices such as 29.99 and weights in kilograms. So only a column with the
 * exact name of the field counts as minor units or grams.
 */
export function suggestedField(column: string): FieldName | undefined {
  const exact = allFields.find((field) => plain(field) === plain(column));
  if (exact !== undefined) return exact;
  for (const name of [plain(column), plain(withoutUnit(column))]) {
    const found = allFields.find((field) => plain(fieldNames[field]) === name) ?? otherName(name);
    if (found !== undefined && found !== 'priceMinor' && !/\b(?:kg|cm|m)\b/i.test(column)) return found;
  }
  return undefined;
}

const storedUnder = (columns: readonly string[]): string => `import columns ${JSON.stringify(columns)}`;

/** The fields that were chosen the last time for this header. Without them, those that the column names suggest, each only once. */
export function initialMap(columns: readonly string[], storage: Pick<Storage, 'getItem'>): ColumnMap {
  const stored = storage.getItem(storedUnder(columns));
  if (stored !== null) return JSON.parse(stored) as ColumnMap;
  // Failed rows come back with their reasons, and are mapped as the file they come from.
  if (columns.at(-1) === reasonsColumn)
    return { ...initialMap(columns.slice(0, -1), storage), [reasonsColumn]: '' };
  const taken = new Set<FieldName>();
  return Object.fromEntries(
    columns.map((column) => {
      const field = suggestedField(column);
      if (field === undefined || taken.has(field)) return [column, undefined];
      taken.add(field);
      return [column, field];
    }),
  );
}

export function rememberMap(
  columns: readonly string[],
  map: ColumnMap,
  storage: Pick<Storage, 'setItem'>,
): void {
  storage.setItem(storedUnder(columns), JSON.stringify(map));
}

/** Why this map cannot be used yet. */
export function mapProblem(columns: readonly string[], map: ColumnMap): string | undefined {
  const open = columns.filter((column) => map[column] === undefined);
  if (open.length > 0) return `Choose what ${open.map((name) => `"${name}"`).join(', ')} holds.`;
  const chosen = Object.values(map).filter((field) => field !== '');
  const twice = chosen.find((field, index) => chosen.indexOf(field) !== index);
  if (twice !== undefined) return `Two columns hold ${fieldNames[twice]}. Leave one of them out.`;
  return chosen.includes('sku') ? undefined : 'One column must hold the SKU: products are matched by it.';
}

/** `columns=` of the service. undefined when every column is named as its field. */
export function columnsParameter(columns: readonly string[], map: ColumnMap): string | undefined {
  if (columns.every((column) => map[column] === column)) return undefined;
  return columns.map((column) => `"${`${column}:${map[column] ?? ''}`.replaceAll('"', '""')}"`).join(',');
}
