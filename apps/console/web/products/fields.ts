/** The fields of a product: their names for people, and how a value is shown. */
import { count, moneyText } from '../elements/values.tsx';
import type { Product } from './product.ts';

export type FieldName = Exclude<keyof Product, 'id' | 'version' | 'createdAt' | 'updatedAt'>;

export const fieldNames: Readonly<Record<FieldName, string>> = {
  sku: 'SKU',
  name: 'Name',
  description: 'Description',
  brand: 'Brand',
  category: 'Category',
  gtin: 'GTIN',
  weightGrams: 'Weight',
  lengthMm: 'Length',
  widthMm: 'Width',
  heightMm: 'Height',
  priceMinor: 'Price',
  currency: 'Currency',
  status: 'Status',
  attributes: 'Attributes',
};

export const allFields = Object.keys(fieldNames) as FieldName[];

/** Not rounded: old and new values would look alike. */
const exactWeight = (grams: number): string => (grams < 1_000 ? `${grams} g` : `${count(grams / 1_000)} kg`);

/** A value of a field as a text, exactly. `currency` is that of the same product. */
export function valueText(field: string, value: unknown, currency = 'EUR'): string {
  if (value === null || value === undefined || value === '') return '–';
  if (field === 'priceMinor') return moneyText(Number(value), currency);
  if (field === 'weightGrams') return exactWeight(Number(value));
  if (field.endsWith('Mm')) return `${Number(value)} mm`;
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([name, one]) => `${name}: ${String(one)}`)
      .join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export const sameValue = (a: unknown, b: unknown): boolean => stable(a) === stable(b);

/** JSON with sorted members, so that two equal values have one text. */
function stable(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'undefined';
  return JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

export const changedFields = (from: Product, to: Product): FieldName[] =>
  allFields.filter((field) => !sameValue(from[field], to[field]));

/** A merge patch that turns `from` into `to` in these fields. Attributes that are gone are set to null (RFC 7396). */
export function patchOf(from: Product, to: Product, fields: readonly FieldName[]): Record<string, unknown> {
  return Object.fromEntries(
    fields.map((field) => {
      if (field !== 'attributes') return [field, to[field]];
      const gone = Object.keys(from.attributes).filter((name) => !Object.hasOwn(to.attributes, name));
      const changed = Object.entries(to.attributes).filter(
        ([name, value]) => from.attributes[name] !== value,
      );
      return [field, Object.fromEntries([...gone.map((name) => [name, null]), ...changed])];
    }),
  );
}
