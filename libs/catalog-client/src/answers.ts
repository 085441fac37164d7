import { ruleText } from '@catalog/contracts';
import type { z } from 'zod';
import { CatalogProblem } from './errors.ts';
import type { CatalogAnswer } from './transport/transport.ts';

/** The result of reading one key, and whether it may be older than the bound. */
export interface ReadResult<Body> {
  /** null when it does not exist. */
  readonly body: Body | null;
  readonly version: number;
  /** The time since it was current. undefined for an answer within the bound. */
  readonly staleFor_ms: number | undefined;
}

/** Reads `Cache-Status: catalog-read; hit; detail=stale` and `Age`, which is in seconds. */
export function staleFor_ms({ headers }: CatalogAnswer): number | undefined {
  if (headers.get('Cache-Status')?.includes('detail=stale') !== true) return undefined;
  return Number(headers.get('Age') ?? 0) * 1_000;
}

export function versionOf({ headers }: CatalogAnswer): number {
  return Number(headers.get('Catalog-Version') ?? 0);
}

/**
 * The body with the fields that this client knows. A newer service may send more, and they are dropped.
 *
 * @throws CatalogProblem `unexpected_answer`
 */
export const bodyOf = <Schema extends z.ZodType>(schema: Schema, answer: CatalogAnswer): z.output<Schema> =>
  parsedBy(schema, answer.body, answer);

/** The same for a part of an answer, such as an event of a stream. */
export function parsedBy<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  answer: Pick<CatalogAnswer, 'status' | 'headers'>,
): z.output<Schema> {
  let parsed: z.ZodSafeParseResult<z.output<Schema>>;
  try {
    parsed = schema.safeParse(JSON.parse(text), { error: ruleText });
  } catch {
    throw unexpected(answer, 'it is not JSON');
  }
  if (parsed.success) return parsed.data;
  throw unexpected(
    answer,
    parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; '),
  );
}

/** An answer that cannot be used. */
export function unexpected(
  { status, headers }: Pick<CatalogAnswer, 'status' | 'headers'>,
  what: string,
): CatalogProblem {
  return new CatalogProblem({
    status,
    code: 'unexpected_answer',
    detail: `The answer does not fit the schema of this client: ${what.slice(0, 500)}`,
    requestId: headers.get('X-Request-Id') ?? undefined,
  });
}
