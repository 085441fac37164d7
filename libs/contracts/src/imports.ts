/** Bodies of `POST /v1/imports` and `GET /v1/imports/{id}`. */
import { z } from 'zod';
import { problemSchema } from './errors.ts';
import { writableProductFields, type ProductCreate } from './product.ts';

export const importModes = ['reject-all', 'skip-failed'] as const;
/** What happens to a SKU that has a product. */
export const onExistingRules = ['update', 'skip', 'fail'] as const;
/** What happens to a SKU that has none. */
export const onMissingRules = ['create', 'skip', 'fail'] as const;

const fieldSchema = z.enum(writableProductFields as [keyof ProductCreate]);
export const importErrorSchema = z.strictObject({
  /** The line of the body on which the record starts. The first line is 1, and a CSV header counts. */
  line: z.int().min(1),
  field: z.string().nullable(),
  code: z.string(),
  message: z.string(),
});
export type ImportError = z.infer<typeof importErrorSchema>;

/** What a dry run found that would change in existing products. */
export const importChangesSchema = z.strictObject({
  /** How many products would get another value of this field. Fields that stay are left out. */
  fields: z.partialRecord(fieldSchema, z.int().min(1)),
  /** The first products that would change. Long texts are cut. */
  rows: z.array(
    z.strictObject({
      line: z.int().min(1),
      sku: z.string(),
      fields: z.array(z.strictObject({ field: fieldSchema, old: z.unknown(), new: z.unknown() })),
    }),
  ),
});
export type ImportChanges = z.infer<typeof importChangesSchema>;

export const importResultSchema = z.strictObject({
  id: z.uuid(),
  state: z.enum(['running', 'succeeded', 'rejected', 'failed']),
  mode: z.enum(importModes),
  onExisting: z.enum(onExistingRules),
  onMissing: z.enum(onMissingRules),
  dryRun: z.boolean(),
  /** Records read so far. */
  received: z.int(),
  created: z.int(),
  updated: z.int(),
  unchanged: z.int(),
  /** Left out because of `onExisting=skip` or `onMissing=skip`. */
  skipped: z.int(),
  failed: z.int(),
  /** Only the first errors. `failed` counts all. */
  errors: z.array(importErrorSchema),
  /** Of a dry run that would succeed; otherwise null. */
  changes: importChangesSchema.nullable(),
  /** The number of the Postgres transaction that changed products; null if there was none. The worker knows its changes by it. */
  transaction: z.int().min(1).nullable(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().nullable(),
});
export type ImportResult = z.infer<typeof importResultSchema>;

/** The answer to an import that is rejected (422): a problem document that has all members of the result too. */
export const rejectedImportSchema = z.strictObject({ ...problemSchema.shape, ...importResultSchema.shape });
