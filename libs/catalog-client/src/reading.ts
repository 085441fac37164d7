import type { z } from 'zod';
import { CatalogProblem } from './errors.ts';
import type { CatalogAnswer } from './transport/transport.ts';

/** What was read of one key, and whether that may be older than the bound. */
export interface Reading<Body> {
  /** null: there is no such thing. */
  readonly body: Body | null;
  readonly version: number;
  /** How long ago it was current; undefined for an answer that is within the bound. */
  readonly staleFor_ms: number | undefined;
}

/** `Cache-Status: catalog-read; hit; detail=stale` with `Age` in seconds. */
export function staleFor_ms({ headers }: CatalogAnswer): number | undefined {
  if (headers.get('Cache-Status')?.includes('detail=stale') !== true) return undefined;
  return Number(headers.get('Age') ?? 0) * 1_000;
}

export function versionOf({ headers }: CatalogAnswer): number {
  return Number(headers.get('Catalog-Version') ?? 0);
}

/**
 * The body, with the fields that this client knows: a service that is newer may send more.
 *
 * @throws CatalogProblem `unexpected_answer`
 */
export function bodyOf<Schema extends z.ZodType>(schema: Schema, answer: CatalogAnswer): z.output<Schema> {
  let parsed: z.ZodSafeParseResult<z.output<Schema>>;
  try {
    parsed = schema.safeParse(JSON.parse(answer.body));
  } catch {
    throw unexpected(answer, 'no JSON');
  }
  if (parsed.success) return parsed.data;
  throw unexpected(
    answer,
    parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '),
  );
}

function unexpected({ status, headers }: CatalogAnswer, what: string): CatalogProblem {
  return new CatalogProblem({
    status,
    code: 'unexpected_answer',
    detail: `The answer cannot be understood: ${what.slice(0, 500)}`,
    requestId: headers.get('X-Request-Id') ?? undefined,
  });
}
