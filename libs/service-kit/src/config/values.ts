/** Schemas that turn the text of environment variables into checked values. No default replaces a wrong value. */
import { isCacheRedisUrl, isRedisUrl, redisUrlRule } from '@catalog/redis';
import { z } from 'zod';

const secrets = new WeakSet<z.ZodType>();

/** No message shows the value, not even one that says it is wrong. */
export function secret<T extends z.ZodType>(schema: T): T {
  secrets.add(schema);
  return schema;
}

/** Looks into `.optional()`, `.default()` and similar wrappers. */
export function isSecret(schema: z.ZodType): boolean {
  if (secrets.has(schema)) return true;
  const { innerType } = schema.def as { innerType?: z.ZodType };
  return innerType !== undefined && isSecret(innerType);
}

export function integer(range: { min: number; max: number }): z.ZodType<number, string> {
  return z
    .string()
    .regex(/^-?\d{1,15}$/, { error: 'must be a whole number' })
    .transform(Number)
    .refine((value) => value >= range.min && value <= range.max, {
      error: `must be between ${range.min} and ${range.max}`,
    });
}

export const port = integer({ min: 0, max: 65_535 });

/** Only `true` or `false`. `1`, `yes` and `TRUE` are mistakes. */
export const flag = z
  .enum(['true', 'false'], { error: 'must be "true" or "false"' })
  .transform((value) => value === 'true');

export function url(protocols: readonly string[]): z.ZodType<string, string> {
  return z
    .string()
    .refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol.slice(0, -1)), {
      error: `must be a URL that starts with ${protocols.map((protocol) => `${protocol}://`).join(' or ')}`,
    });
}

export const postgresUrl = url(['postgres', 'postgresql']);
export const redisUrl = z.string().refine(isRedisUrl, { error: redisUrlRule });
export const cacheRedisUrl = z.string().refine(isCacheRedisUrl, { error: redisUrlRule });

/** A comma-separated list without empty elements. */
export const list = z
  .string()
  .transform((value) => value.split(',').map((element) => element.trim()))
  .refine((elements) => elements.every((element) => element !== ''), {
    error: 'must be a list separated by commas, without empty elements',
  });
