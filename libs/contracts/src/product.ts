/** A product of the catalog and its history, as every service reads and writes them. */
import { z } from 'zod';
import { currencySchema, isValidGtin, nameText, text } from './fields.ts';

/** The database sequence of versions ends at 2^53 - 1: numbers of JSON, JavaScript and Lua are exact up to there. */
export const versionSchema = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

export const productIdSchema = z.uuid({ error: 'must be a UUID' }).toLowerCase();

/** A product of the demo catalog, so that the examples in `/docs` can be tried. */
export const exampleSku = 'ACUITY-BRANDS-LIGHTING-ABL-WF4C_WF6C';

/**
 * Printable ASCII without spaces at either end. Other scripts have letters that look like ASCII ones, so two SKUs could
 * exist that nobody can tell apart.
 */
export const skuSchema = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/, {
    error: 'must be printable ASCII that neither starts nor ends with a space',
  })
  .meta({ examples: [exampleSku] });

export const productStatuses = ['draft', 'active', 'archived'] as const;

const postgresInteger = 2_147_483_647;
const positiveMillimetres = z.int().min(1).max(100_000).nullable();

/** One level of scalars. The key "constructor" could reach the prototype of objects in careless code. */
const attributeKey = z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/, {
  error: 'must start with a letter and hold letters, digits, "_", "." or "-", at most 64 in all',
});
const attributesSchema = z
  .record(attributeKey, z.union([text(1000), z.number(), z.boolean()]))
  .refine((value) => Object.keys(value).length <= 100, { error: 'must have at most 100 keys' })
  .refine((value) => !('constructor' in value && Object.hasOwn(value, 'constructor')), {
    error: 'must not use the key "constructor"',
  });

/** The fields that a client may set. */
const writableFields = {
  sku: skuSchema,
  name: nameText(300),
  description: text(10_000),
  brand: nameText(200),
  category: nameText(200),
  gtin: z
    .string()
    .refine(isValidGtin, { error: 'must be 8, 12, 13 or 14 digits with a valid GS1 check digit' })
    .nullable(),
  weightGrams: z.int().min(0).max(postgresInteger).nullable(),
  lengthMm: positiveMillimetres,
  widthMm: positiveMillimetres,
  heightMm: positiveMillimetres,
  priceMinor: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
  currency: currencySchema,
  status: z.enum(productStatuses),
  attributes: attributesSchema,
};

export const productSchema = z
  .strictObject({
    id: productIdSchema,
    ...writableFields,
    version: versionSchema,
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .meta({
    examples: [
      {
        id: '019ac0de-6f00-7a3b-8c1d-2e4f6a8b0c1d',
        sku: exampleSku,
        name: 'LED downlight',
        description: 'Fits 4 and 6 inch openings.',
        brand: 'Acme',
        category: 'light',
        gtin: '4006381333931',
        weightGrams: 200,
        lengthMm: 160,
        widthMm: 160,
        heightMm: 40,
        priceMinor: 3099,
        currency: 'EUR',
        status: 'active',
        attributes: { watts: 9, dimmable: true },
        version: 4711,
        createdAt: '2026-11-28T12:00:00.000Z',
        updatedAt: '2026-11-28T12:00:00.000Z',
      },
    ],
  });
export type Product = z.infer<typeof productSchema>;

/** What `POST /v1/products` takes. */
export const productCreateSchema = z.strictObject({
  ...writableFields,
  description: writableFields.description.default(''),
  gtin: writableFields.gtin.default(null),
  weightGrams: writableFields.weightGrams.default(null),
  lengthMm: positiveMillimetres.default(null),
  widthMm: positiveMillimetres.default(null),
  heightMm: positiveMillimetres.default(null),
  status: writableFields.status.default('draft'),
  attributes: attributesSchema.default({}),
});
export type ProductCreate = z.infer<typeof productCreateSchema>;

/** One record of an import. What it leaves out stays as it is; a new product needs what `productCreateSchema` needs. */
export const productImportSchema = z.strictObject(writableFields).partial().required({ sku: true });
export type ProductImport = z.infer<typeof productImportSchema>;

/** What `PATCH /v1/products/{id}` takes: a merge patch (RFC 7396). `attributes` merges key by key; null removes a key. */
export const productPatchSchema = z
  .strictObject({
    ...writableFields,
    attributes: z.record(attributeKey, z.union([text(1000), z.number(), z.boolean(), z.null()])),
  })
  .partial()
  .refine((patch) => Object.keys(patch).length > 0, { error: 'must change at least one field' });
export type ProductPatch = z.infer<typeof productPatchSchema>;

/** The columns of `products` that a client may write, in the order the database functions take them. */
export const writableProductFields = Object.keys(writableFields) as (keyof ProductCreate)[];

/** The fields without which no product can be created. */
export const requiredOfNewProducts = writableProductFields.filter(
  (field) => !productCreateSchema.shape[field].safeParse(undefined).success,
);

/** One change of a product, in answers of `GET /v1/products/{id}/history`. */
export const productChangeSchema = z.strictObject({
  version: versionSchema,
  operation: z.enum(['create', 'update', 'delete']),
  /** The caller that made the change, or `sql` for a change by hand. */
  changedBy: z.string(),
  changedAt: z.iso.datetime(),
  /** The changed fields. `old` is null for a created product, `new` for a deleted one. */
  fields: z.array(
    z.strictObject({
      field: z.enum(writableProductFields as [keyof ProductCreate]),
      old: z.unknown(),
      new: z.unknown(),
    }),
  ),
});
export type ProductChange = z.infer<typeof productChangeSchema>;

export const productHistoryPageSchema = z.strictObject({
  data: z.array(productChangeSchema),
  page: z.strictObject({ nextCursor: z.string().nullable() }),
});

/** The longest value, in characters of JSON, that an answer of `GET /v1/products/last-changes` shows. */
export const maxShownValue_chars = 200;

/** The last change of a product, in answers of `GET /v1/products/last-changes`. */
export const lastChangeSchema = z.strictObject({
  productId: productIdSchema,
  sku: skuSchema,
  name: writableFields.name,
  currency: currencySchema,
  version: versionSchema,
  operation: z.enum(['create', 'update']),
  changedBy: z.string().describe('The caller that made the change, or `sql` for a change by hand.'),
  changedAt: z.iso.datetime(),
  fields: z
    .array(
      z.strictObject({
        field: z.enum(writableProductFields as [keyof ProductCreate]),
        old: z.unknown().optional(),
        new: z.unknown().optional(),
      }),
    )
    .describe(
      `Of an update. \`old\` or \`new\` is missing if it has more than ${maxShownValue_chars} characters.`,
    ),
});
export type LastChange = z.infer<typeof lastChangeSchema>;

export const lastChangesSchema = z.strictObject({ data: z.array(lastChangeSchema) });
