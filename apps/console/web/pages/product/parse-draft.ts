/** Reads the form of a product. The rules of the services come with a large library, which only pages with a form load. */
import { productCreateSchema } from '@catalog/contracts';
import { currencyDigits } from '../../elements/values.tsx';
import { allFields, sameValue, type FieldName } from '../../products/fields.ts';
import type { Product } from '../../products/product.ts';
import type { AttributeRow, Draft } from './draft.ts';

type Values = Readonly<Record<FieldName, unknown>>;

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
