/** Bodies of the worker's operator calls: purges, audits and looks at one key. */
import { z } from 'zod';
import { entities, parseCacheKey } from './entities.ts';
import { text } from './fields.ts';
import { keyViewSchema } from './key-view.ts';
import { versionSchema } from './product.ts';

/** The scope that allows a caller to look into the change feed and to act on the cache. */
export const OPERATE_SCOPE = 'catalog:operate';

export const cacheKeySchema = z
  .string()
  .max(512)
  .refine((key) => parseCacheKey(key) !== undefined, {
    error: 'must be the key of a cached entity, such as product:<id>, sku:<sku> or app:settings',
  });

/** What to purge, exactly one of the three, and why. */
export const purgeRequestSchema = z
  .strictObject({
    key: cacheKeySchema.optional(),
    entity: z.enum(entities.map(({ name }) => name)).optional(),
    all: z.literal(true).optional(),
    reason: text(500).trim().min(3),
  })
  .refine(({ key, entity, all }) => [key, entity, all].filter((each) => each !== undefined).length === 1, {
    path: ['key'],
    error: 'must be given, or else "entity" or "all": exactly one of the three',
  });
export type PurgeRequest = z.infer<typeof purgeRequestSchema>;

export const purgeResultSchema = z.strictObject({
  /** Entries that Redis had. */
  entries: z.int(),
  /** Those of them that could still have been served. */
  invalidated: z.int(),
});
export type PurgeResult = z.infer<typeof purgeResultSchema>;

/** The most wrong entries that an answer names. */
export const maxWrongEntries = 100;

const wrongEntrySchema = z.strictObject({
  key: z.string(),
  difference: z
    .enum(['older', 'newer', 'other'])
    .describe('`other`: of the same version, or without a version, but with other content.'),
  cachedVersion: versionSchema,
  version: versionSchema.describe('What Postgres held.'),
  members: z
    .array(z.string())
    .describe('The members of the content that differ. Empty if the cache or Postgres has no content.'),
  foundAt: z.iso.datetime(),
  wrongSince: z.iso.datetime().describe('It was wrong by then; maybe for longer.'),
  isRepaired: z.boolean(),
});
export type WrongEntry = z.infer<typeof wrongEntrySchema>;

/** The worker's answer to `GET /v1/audits`. */
export const wrongEntriesSchema = z.strictObject({
  startedAt: z.iso
    .datetime()
    .describe('When the worker that answers was started. It knows nothing of before.'),
  data: z.array(wrongEntrySchema).describe(`The newest first, ${maxWrongEntries} at most.`),
});
export type WrongEntries = z.infer<typeof wrongEntriesSchema>;

/** The worker's answer to `GET /v1/keys?key=`. */
export const heldKeySchema = keyViewSchema.pick({ key: true, equal: true, postgres: true, redis: true });
export type HeldKey = z.infer<typeof heldKeySchema>;

export const auditResultSchema = z.strictObject({
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  /** Entries that were compared with Postgres. */
  checked: z.int(),
  right: z.int(),
  wrong: z.strictObject({
    /** Older than what Postgres holds. */
    older: z.int(),
    newer: z.int(),
    /** Of the same version, or without a version, but with other content. */
    other: z.int(),
  }),
  /** Entries that differed while the feed was too far behind to tell whether their change was still on its way. */
  undecided: z.int(),
  repaired: z.int(),
  /** How many had been wrong for longer than this when the audit found them. */
  wrongFor: z.array(z.strictObject({ atLeastSeconds: z.int(), entries: z.int() })),
  /** -log10 of the wrong part. With none wrong: of 3 / `checked`, the upper limit of that part at 95 % confidence. */
  nines: z.number(),
  entries: z
    .array(wrongEntrySchema)
    .describe(`The wrong ones, the newest first, ${maxWrongEntries} at most.`),
});
export type AuditResult = z.infer<typeof auditResultSchema>;
