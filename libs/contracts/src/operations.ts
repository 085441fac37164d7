/** Bodies of the worker's operator calls: purges and audits. */
import { z } from 'zod';
import { entities, parseCacheKey } from './entities.ts';
import { text } from './text.ts';

/** The scope of tokens that may look into the change feed and act on the cache. */
export const OPERATE_SCOPE = 'catalog:operate';

export const cacheKeySchema = z
  .string()
  .max(512)
  .refine((key) => parseCacheKey(key) !== undefined, {
    error: 'must be the key of a cached entity, such as product:<id>, sku:<sku> or app:settings',
  });

/** What is purged, exactly one of the three, and why. */
export const purgeRequestSchema = z
  .strictObject({
    key: cacheKeySchema.optional(),
    entity: z.enum(entities.map(({ name }) => name)).optional(),
    all: z.literal(true).optional(),
    reason: text(500).trim().min(3),
  })
  .refine(({ key, entity, all }) => [key, entity, all].filter((each) => each !== undefined).length === 1, {
    path: ['key'],
    error: 'exactly one of "key", "entity" and "all" must be given',
  });
export type PurgeRequest = z.infer<typeof purgeRequestSchema>;

export const purgeResultSchema = z.strictObject({
  /** Entries that were found in Redis. */
  entries: z.int(),
  /** Those of them that could have been served. */
  invalidated: z.int(),
});
export type PurgeResult = z.infer<typeof purgeResultSchema>;

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
    /** Of the same version, or without one, but with another content. */
    other: z.int(),
  }),
  /** Those that differed, and of which the feed did not say in time whether the change was still under way. */
  undecided: z.int(),
  repaired: z.int(),
  /** How many had been wrong for longer than this when they were found. */
  wrongFor: z.strictObject({ '1s': z.int(), '10s': z.int(), '1min': z.int(), '5min': z.int() }),
  /** -log10 of the part that was wrong; with none wrong, of the part that may have been at 95 % (3 in `checked`). */
  nines: z.number(),
});
export type AuditResult = z.infer<typeof auditResultSchema>;
