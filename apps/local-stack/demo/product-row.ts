/** One row of the source, made into one row of the product import. */
import { createHash } from 'node:crypto';
import { kindOf } from './kinds.ts';

export interface SourceRow {
  readonly sku: string;
  readonly brand: string;
  readonly model: string;
  readonly name: string;
  readonly radio: string;
  readonly manualUrl: string;
}

export const columns = [
  'sku',
  'name',
  'description',
  'brand',
  'category',
  'gtin',
  'weightGrams',
  'lengthMm',
  'widthMm',
  'heightMm',
  'priceMinor',
  'currency',
  'status',
  'attributes',
] as const;
/** Cells as they stand in the file; an empty cell is null, except in `description`. */
export type ProductRow = Record<(typeof columns)[number], string>;

const longestSku = 64;

export function productRow(source: SourceRow): ProductRow {
  const sku = importableSku(source.sku);
  const name = source.name.trim();
  const kind = kindOf(name);
  const [lengthMm, widthMm, heightMm] = kind.sizeMm;
  const vary = (base: number, what: string) => String(Math.max(1, Math.round(base * variation(sku, what))));
  return {
    sku,
    name,
    description: `${name} by ${source.brand}, model ${source.model}, connects by ${source.radio}.`,
    brand: source.brand,
    category: kind.category,
    gtin: '',
    weightGrams: vary(kind.weightGrams, 'weight'),
    lengthMm: vary(lengthMm, 'length'),
    widthMm: vary(widthMm, 'width'),
    heightMm: vary(heightMm, 'height'),
    // Prices that end in 9 look like prices.
    priceMinor: String(Math.round((kind.priceMinor * variation(sku, 'price')) / 10) * 10 + 9),
    currency: 'EUR',
    status: 'active',
    attributes: JSON.stringify(attributes(source)),
  };
}

function attributes({ model, radio, manualUrl }: SourceRow): Record<string, string> {
  return {
    model,
    radio,
    ...(manualUrl === '' ? {} : { manualUrl }),
    estimated: 'weight, size and price are estimates by kind of device',
  };
}

/** Between 0.8 and 1.2, and always the same for one product: the file must come out equal each time. */
function variation(sku: string, what: string): number {
  const draw = createHash('sha256').update(`${what} ${sku}`).digest().readUInt16BE(0) / 0xffff;
  return 0.8 + draw * 0.4;
}

/**
 * A SKU as the catalog takes it: printable ASCII, at most 64 characters. One that is not gets its accents
 * and strange characters replaced and a few digits of its hash, so that it stays unique.
 */
export function importableSku(sku: string): string {
  if (sku.length <= longestSku && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(sku)) return sku;
  const digest = createHash('sha256').update(sku).digest('hex').slice(0, 8).toUpperCase();
  const plain = sku
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^\x21-\x7e]+/g, '-');
  return `${plain.slice(0, longestSku - digest.length - 1)}-${digest}`;
}
