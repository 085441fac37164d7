/** `GET …/cache` of a product, of an SKU and of the settings: one key as Postgres, Redis and the process that answers hold it. */
import { z } from 'zod';
import { versionSchema } from './product.ts';

const held = {
  version: versionSchema.optional(),
  ageMs: z.int().optional(),
  ttlMs: z.int().optional(),
  equal: z
    .boolean()
    .nullable()
    .describe('Whether the content is that of Postgres, byte by byte; null if that is unknown.'),
};

export const keyViewSchema = z.strictObject({
  key: z.string(),
  equal: z.boolean().describe('false if the content of one of them differs.'),
  postgres: z.strictObject({
    state: z.enum(['value', 'missing', 'unreachable']),
    version: versionSchema.optional().describe('Absent if the row never existed.'),
    reason: z.string().optional(),
  }),
  redis: z.strictObject({
    ...held,
    state: z.enum(['value', 'missing', 'dead', 'absent', 'unreadable', 'unreachable']),
    freshForMs: z.int().optional(),
    payloadSchema: z.int().optional(),
    isOfThisIncarnation: z.boolean().optional(),
    isLeased: z.boolean().optional(),
  }),
  near: z.strictObject({ ...held, state: z.enum(['value', 'missing', 'silenced', 'absent']) }),
  lastInvalidation: z
    .strictObject({
      version: versionSchema.nullable().describe('null: it invalidated any version, as a purge does.'),
      heardAt: z.iso.datetime(),
    })
    .nullable(),
  process: z.strictObject({
    instance: z.string(),
    incarnation: z.string().nullable(),
    nearCacheIsSound: z.boolean(),
    redisIsFresh: z.boolean(),
    watermarkAgeMs: z.int().nullable(),
  }),
});
export type KeyView = z.infer<typeof keyViewSchema>;
