/** The form of a product: every field as the text that a person types. */
import { productCreateSchema } from '@catalog/contracts';
import { currencyDigits } from '../../elements/values.tsx';
import { allFields, sameValue, type FieldName } from '../../products/fields.ts';
import type { Product } from '../../products/product.ts';

export interface AttributeRow {
  readonly name: string;
  readonly value: string;
  readonly kind: 'text' | 'number' | 'yes or no';
}

export type Draft = Readonly<Record<Exclude<FieldName, 'attributes'>, string>> & {
  readonly attributes: readonly AttributeRow[];
};

type Values = Readonly<Record<FieldName, unknown>>;

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

export type Problems = Readonly<Partial<Record<FieldName, string>>>;

export interface Parsed {
  /** As far as the texts can be read. */
  readonly values: Values;
  readonly problems: Problems;
}

const whole = (text: string): number | null =>
  text.trim() === '' ? null : /^\d+$/.test(text.trim()) ? Number(text.trim()) : Number.NaN;

/** Minor units of a price such as 29.99. Exact: the decimals are moved as text. */
function minorUnits(text: string, currency: string): number {
  const digits = currencyDigits(currency);
  const [, units = '', decimals = ''] = /^(\d+)(?:[.,](\d+))?$/.exec(text.trim()) ?? [];
  if (units === '' || decimals.length > digits) return Number.NaN;
  return Number(units + decimals.padEnd(digits, '0'));
}

function attributeValue({ value, kind }: AttributeRow): string | number | boolean {
  if (kind === 'number') return value.trim() === '' ? Number.NaN : Number(value);
  if (kind === 'yes or no') return value === 'yes';
  return value;
}

/** Reads the form, and checks it with the rules of the services. */
export function parseDraft(draft: Draft): Parsed {
  const values: Values = {
    sku: draft.sku.trim(),
    name: draft.name.trim(),
    description: draft.description,
    brand: draft.brand.trim(),
    category: draft.category.trim(),
    gtin: draft.gtin.trim() === '' ? null : draft.gtin.trim(),
    weightGrams: whole(draft.weightGrams),
    lengthMm: whole(draft.lengthMm),
    widthMm: whole(draft.widthMm),
    heightMm: whole(draft.heightMm),
    priceMinor: minorUnits(draft.priceMinor, draft.currency),
    currency: draft.currency.trim().toUpperCase(),
    status: draft.status,
    attributes: Object.fromEntries(draft.attributes.map((row) => [row.name.trim(), attributeValue(row)])),
  };
  const problems: Partial<Record<FieldName, string>> = {};
  const twice = draft.attributes.find(
    ({ name }, index) => draft.attributes.findIndex((other) => other.name.trim() === name.trim()) !== index,
  );
  if (twice !== undefined) problems.attributes = `There are two attributes "${twice.name}". Remove one.`;
  const checked = productCreateSchema.safeParse(values);
  for (const { path, code, message } of checked.error?.issues ?? []) {
    const field = path[0] as FieldName;
    problems[field] ??= textOfProblem(field, code, message, path[1]);
  }
  return { values, problems };
}

const expected: Partial<Record<FieldName, string>> = {
  priceMinor: 'must be a price such as 29.99',
  weightGrams: 'must be whole grams, or empty',
  lengthMm: 'must be whole millimetres from 1 to 100,000, or empty',
  widthMm: 'must be whole millimetres from 1 to 100,000, or empty',
  heightMm: 'must be whole millimetres from 1 to 100,000, or empty',
};

function textOfProblem(field: FieldName, code: string, message: string, inside?: PropertyKey): string {
  if (expected[field] !== undefined) return expected[field];
  if (code === 'too_small') return 'must not be empty';
  if (field === 'attributes' && inside !== undefined) return `"${String(inside)}" ${readable(message)}`;
  return readable(message);
}

/** Our own rules speak plainly. Those of the library do not. */
const readable = (message: string): string =>
  /^[A-Z]/.test(message) ? 'has a value that is not allowed' : message;

/** The product with the values of the form. */
export const withValues = (product: Product, values: Values): Product =>
  ({ ...product, ...values }) as Product;

/** The fields that the person has changed since the product was loaded. */
export function editedFields(base: Product, values: Values): FieldName[] {
  return allFields.filter((field) => !sameValue(base[field], values[field]));
}

/** The form with some fields as `product` has them. */
export function takeFields(draft: Draft, product: Product, fields: readonly FieldName[]): Draft {
  const theirs = draftOf(product);
  return { ...draft, ...Object.fromEntries(fields.map((field) => [field, theirs[field]])) };
}
