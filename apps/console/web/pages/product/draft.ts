/** The form of a product: every field as the text that a person types. */
import { currencyDigits } from '../../elements/values.tsx';
import type { FieldName } from '../../products/fields.ts';
import type { Product } from '../../products/product.ts';

export interface AttributeRow {
  readonly name: string;
  readonly value: string;
  readonly kind: 'text' | 'number' | 'yes or no';
}

export type Draft = Readonly<Record<Exclude<FieldName, 'attributes'>, string>> & {
  readonly attributes: readonly AttributeRow[];
};

export const emptyDraft: Draft = {
  sku: '',
  name: '',
  description: '',
  brand: '',
  category: '',
  gtin: '',
  weightGrams: '',
  lengthMm: '',
  widthMm: '',
  heightMm: '',
  priceMinor: '',
  currency: 'EUR',
  status: 'draft',
  attributes: [],
};

const kindOf = (value: unknown): AttributeRow['kind'] =>
  typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'yes or no' : 'text';

/** The text of one field of a product. */
export function draftOf(product: Product): Draft {
  const text = (value: string | number | null): string => (value === null ? '' : String(value));
  const digits = currencyDigits(product.currency);
  return {
    sku: product.sku,
    name: product.name,
    description: product.description,
    brand: product.brand,
    category: product.category,
    gtin: text(product.gtin),
    weightGrams: text(product.weightGrams),
    lengthMm: text(product.lengthMm),
    widthMm: text(product.widthMm),
    heightMm: text(product.heightMm),
    priceMinor: (product.priceMinor / 10 ** digits).toFixed(digits),
    currency: product.currency,
    status: product.status,
    attributes: Object.entries(product.attributes).map(([name, value]) => ({
      name,
      value: value === true ? 'yes' : value === false ? 'no' : String(value),
      kind: kindOf(value),
    })),
  };
}

/** The form with some fields as `product` has them. */
export function takeFields(draft: Draft, product: Product, fields: readonly FieldName[]): Draft {
  const theirs = draftOf(product);
  return { ...draft, ...Object.fromEntries(fields.map((field) => [field, theirs[field]])) };
}
