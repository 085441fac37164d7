/** Settings of the store: one row, read by every service. */
import { z } from 'zod';
import { currencySchema, requiredText } from './fields.ts';
import { versionSchema } from './product.ts';

const writableFields = {
  storeName: requiredText(200).refine((name) => !/[\t\n\r]/.test(name), { error: 'must be one line' }),
  supportEmail: z.email().max(254).nullable(),
  defaultCurrency: currencySchema,
  lowStockThreshold: z.int().min(0).max(1_000_000),
  ordersEnabled: z.boolean(),
};

export const settingsSchema = z.strictObject({
  ...writableFields,
  version: versionSchema,
  updatedAt: z.iso.datetime(),
});
export type Settings = z.infer<typeof settingsSchema>;

/** What `PATCH /v1/settings` takes: a merge patch (RFC 7396). */
export const settingsPatchSchema = z
  .strictObject(writableFields)
  .partial()
  .refine((patch) => Object.keys(patch).length > 0, { error: 'must change at least one field' });
export type SettingsPatch = z.infer<typeof settingsPatchSchema>;
