import { expect, test } from 'vitest';
import { z } from 'zod';
import { customerIdSchema, orderCreateSchema, stockAdjustmentSchema } from './orders.ts';
import { purgeRequestSchema } from './operations.ts';
import { productCreateSchema, productImportSchema, productPatchSchema } from './product.ts';
import { productListQuerySchema } from './product-lists.ts';
import { ruleText } from './rule-text.ts';
import { settingsPatchSchema } from './settings.ts';

function textsOf(schema: z.ZodType, value: unknown): string[] {
  const result = schema.safeParse(value, { error: ruleText });
  return result.success ? [] : result.error.issues.map(({ message }) => message);
}

const wrongValues: readonly unknown[] = [
  undefined,
  null,
  '',
  ' ',
  'x'.repeat(20_000),
  'é\u0001',
  '\ud800',
  -1,
  0,
  1.5,
  1e300,
  Number.NaN,
  true,
  [],
  [1],
  [{}],
  [{ sku: '', quantity: 0 }],
  Array.from({ length: 101 }, () => ({ sku: 'A', quantity: 1 })),
  {},
  { 'a b': 1 },
  { a: {} },
  { a: 'x'.repeat(2_000) },
  { constructor: 1 },
];
/** Words of zod that a caller would not understand. */
const zodsWords = /\b(?:expected|received|invalid|too small|too big|pattern|undefined|NaN|regex|\[object)\b/i;

test.each(
  Object.entries({
    productCreateSchema,
    productPatchSchema,
    productImportSchema,
    productListQuerySchema,
    orderCreateSchema,
    stockAdjustmentSchema,
    settingsPatchSchema,
    purgeRequestSchema,
  }),
)('%s says in our own words what is wrong with any field', (_name, schema) => {
  const texts = new Set(textsOf(schema, 5));
  for (const field of Object.keys(schema.shape))
    for (const value of wrongValues) for (const text of textsOf(schema, { [field]: value })) texts.add(text);
  expect(texts.size).toBeGreaterThan(2);
  for (const text of texts) {
    expect(text).not.toMatch(zodsWords);
    expect(text).toMatch(/^(?:must|is|has|this name must)\b/);
  }
});

test.each<[z.ZodType, unknown, string]>([
  [z.string(), 5, 'must be text'],
  [z.string(), undefined, 'is required'],
  [z.int(), '5', 'must be a number'],
  [z.int(), 1.5, 'must be a whole number'],
  [z.int().min(2).max(9), 1, 'must be at least 2'],
  [z.int().max(9), 10, 'must be at most 9'],
  [z.number().gt(2), 2, 'must be more than 2'],
  [z.boolean(), 'yes', 'must be true or false'],
  [z.string().min(1), '', 'must not be empty'],
  [z.string().min(2), 'a', 'must have at least 2 characters'],
  [z.string().max(2), 'abc', 'must have at most 2 characters'],
  [z.array(z.string()).max(1), ['a', 'b'], 'must have at most 1 elements'],
  [z.enum(['a', 'b']), 'c', 'must be one of: a, b'],
  [z.literal(true), false, 'must be true'],
  [z.email(), 'x', 'must be an email address such as ann@example.com'],
  [z.uuid(), 'x', 'must be a UUID'],
  [z.string().regex(/x/), 'y', 'has the wrong form'],
  [z.string().regex(/x/, { error: 'must have an x' }), 'y', 'must have an x'],
  [z.union([z.string().max(2), z.number()]), 'abc', 'must have at most 2 characters'],
  [z.union([z.string(), z.number(), z.boolean()]), {}, 'must be text or a number or true or false'],
  [z.record(z.string().max(1), z.int()), { ab: 1 }, 'this name must have at most 1 characters'],
  [customerIdSchema, 'a b', 'must be visible ASCII characters'],
])('%#: the text is short and names the rule', (schema, value, text) => {
  expect(textsOf(schema, value)).toEqual([text]);
});
