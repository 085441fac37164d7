/** Settings of the store: one row, read by every service. */
import { z } from 'zod';
import { versionSchema } from './product.ts';

const writableFields = {
  storeName: z
    .string()
    .min(1)
    .max(200)
    .refine((value) => value.isWellFormed(), { error: 'must be well-formed Unicode' }),
  supportEmail: z.email().max(254).nullable(),
  defaultCurrency: z
    .string()
    .regex(/^[A-Z]{3}$/, { error: 'must be an ISO 4217 code: three capital letters' }),
  lowStockThreshold: z.int().min(0).max(1_000_000),
  ordersEnabled: z.boolean(),
};

export const settingsSchema = z.strictObject({
  ...writableFields,
  version: versionSchema,
  updatedAt: z.iso.datetime(),
});
export type Settings = z.infer<typeof settingsSchema>;

/** What `PATCH /v1/settings` takes: an RFC 7396 merge patch. */
export const settingsPatchSchema = z
  .strictObject(writableFields)
  .partial()
  .refine((patch) => Object.keys(patch).length > 0, { error: 'must change at least one field' });
export type SettingsPatch = z.infer<typeof settingsPatchSchema>;
