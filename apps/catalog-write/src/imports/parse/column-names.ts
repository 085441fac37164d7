import { CatalogError, printable, writableProductFields, type ProductCreate } from '@catalog/contracts';

export type Field = keyof ProductCreate;
/** From names of columns to fields, as the caller gives it in `columns=`. null: the column is left out. */
export type ColumnNames = ReadonlyMap<string, Field | null>;

const known = new Set<string>(writableProductFields);
export const isField = (name: string): name is Field => known.has(name);

/**
 * Reads `columns=Weight (g):weightGrams,Supplier:`. The last colon of an entry separates; an entry in quotes may contain
 * commas. A column that is mapped to nothing is left out.
 *
 * @throws CatalogError `invalid_request`
 */
export function readColumnNames(parameter: string): ColumnNames {
  const names = new Map<string, Field | null>();
  for (const [, quoted, plain] of parameter.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    const entry = quoted?.replaceAll('""', '"') ?? plain ?? '';
    const colon = entry.lastIndexOf(':');
    const name = entry.slice(0, Math.max(colon, 0)).trim();
    const field = entry.slice(colon + 1).trim();
    if (name === '') throw refused(`has the entry "${entry}"; write each as column:field`);
    if (field !== '' && !isField(field)) throw refused(`maps to "${field}", which is no field of a product`);
    if (names.has(name)) throw refused(`maps the column "${name}" twice`);
    names.set(name, isField(field) ? field : null);
  }
  return names;
}

function refused(what: string): CatalogError {
  const message = printable(what, 300);
  return new CatalogError('invalid_request', `columns ${message}.`, {
    errors: [{ parameter: 'columns', code: 'malformed', message }],
  });
}

/** What other systems call the fields. */
const otherNames: Readonly<Record<string, Field>> = {
  articlenumber: 'sku', itemnumber: 'sku', partnumber: 'sku', productcode: 'sku', itemcode: 'sku',
  title: 'name', productname: 'name', product: 'name', itemname: 'name',
  manufacturer: 'brand', vendor: 'brand', make: 'brand',
  type: 'category', producttype: 'category', kind: 'category',
  ean: 'gtin', ean13: 'gtin', upc: 'gtin', barcode: 'gtin',
  weight: 'weightGrams', mass: 'weightGrams', length: 'lengthMm', depth: 'lengthMm', width: 'widthMm', height: 'heightMm',
  price: 'priceMinor', unitprice: 'priceMinor', cost: 'priceMinor', currencycode: 'currency', state: 'status',
}; // prettier-ignore

/** The field that this name of a column probably means. */
export function suggestedField(column: string): Field | undefined {
  // Long names are no typing errors.
  const name = column
    .slice(0, 60)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '');
  const withoutUnit = column
    .slice(0, 60)
    .toLowerCase()
    .replace(/[([].*$|[ _-](?:g|kg|mm|cm|eur|usd)$/, '')
    .replaceAll(/[^a-z0-9]/g, '');
  for (const each of [name, withoutUnit]) {
    const same = writableProductFields.find((field) => field.toLowerCase() === each);
    const found = same ?? (Object.hasOwn(otherNames, each) ? otherNames[each] : undefined);
    if (found !== undefined) return found;
  }
  return name.length < 3
    ? undefined
    : writableProductFields.find((field) => isOneTypingErrorAway(name, field.toLowerCase()));
}

/** One letter is missing, too many, wrong, or swapped with its neighbour. */
function isOneTypingErrorAway(name: string, field: string): boolean {
  let from = 0;
  while (from < name.length && name[from] === field[from]) from++;
  const rest = (text: string, skipped: number): string => text.slice(from + skipped);
  return (
    rest(name, 1) === rest(field, 0) ||
    rest(name, 0) === rest(field, 1) ||
    rest(name, 1) === rest(field, 1) ||
    (name[from] === field[from + 1] && name[from + 1] === field[from] && rest(name, 2) === rest(field, 2))
  );
}
