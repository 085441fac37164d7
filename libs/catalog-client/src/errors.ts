import { errorCatalogue, fieldErrorSchema, type ErrorCode, type FieldError } from '@catalog/contracts';
import { z } from 'zod';

/** Identifies a problem. A server that is newer than this client may send codes that are not listed here. */
export type ProblemCode = ErrorCode | (string & {});

/** The service answered with an error (RFC 9457). */
export class CatalogProblem extends Error {
  override readonly name: string = 'CatalogProblem';
  readonly status: number;
  readonly code: ProblemCode;
  /** Which fields broke which rule. */
  readonly errors: readonly FieldError[];
  /** The id with which the service logged the request. */
  readonly requestId: string | undefined;
  readonly retryAfter_ms: number | undefined;
  /** The `Catalog-Version` of the answer: only a route that looked for the row sends it. */
  readonly version: number | undefined;

  constructor(problem: {
    status: number;
    code: ProblemCode;
    detail: string;
    errors?: readonly FieldError[] | undefined;
    requestId?: string | undefined;
    retryAfter_ms?: number | undefined;
    version?: number | undefined;
  }) {
    super(problem.detail);
    this.status = problem.status;
    this.code = problem.code;
    this.errors = problem.errors ?? [];
    this.requestId = problem.requestId;
    this.retryAfter_ms = problem.retryAfter_ms;
    this.version = problem.version;
  }
}

/**
 * The address is not that of the service: the base URL is wrong, or a proxy leads elsewhere. This says nothing about the row
 * that was asked for.
 */
export function noRoute(detail: string, requestId?: string): CatalogProblem {
  const { status } = errorCatalogue.no_route;
  return new CatalogProblem({ status, code: 'no_route', detail, requestId });
}

/** Whether the catalog could not be asked, for now: it did not answer, or something else did. */
export const catalogIsAway = (error: unknown): error is CatalogUnavailable | CatalogProblem =>
  error instanceof CatalogUnavailable || (error instanceof CatalogProblem && error.code === 'no_route');

/**
 * The changes behind a cursor are not kept any more, or Postgres has failed over since and may have lost some that the
 * follower knows. It has to read everything again: follow with `after: 'snapshot'`.
 */
export class ChangesGone extends CatalogProblem {
  override readonly name = 'ChangesGone';
}

export type UnavailableReason = 'unreachable' | 'overloaded' | 'deadline';

/** No usable answer came in time, even after the retries that are safe. `cause` is the error of the last attempt. */
export class CatalogUnavailable extends Error {
  override readonly name = 'CatalogUnavailable';
  readonly reason: UnavailableReason;
  readonly retryAfter_ms: number | undefined;

  constructor(
    reason: UnavailableReason,
    message: string,
    options: { cause?: unknown; retryAfter_ms?: number | undefined } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.retryAfter_ms = options.retryAfter_ms;
  }
}

/** The key file of this service cannot be read or holds no key. No request was sent. */
export class ServiceKeyError extends Error {
  override readonly name = 'ServiceKeyError';
  readonly file: string;

  constructor(file: string, what: string, options: { cause?: unknown } = {}) {
    super(`${file} ${what}`, options);
    this.file = file;
  }
}

/** The error that the service itself would answer. It is made here, so that one bad id does not fail a whole batch. */
export function invalidArgument(parameter: string, message: string): CatalogProblem {
  return new CatalogProblem({
    status: errorCatalogue.invalid_request.status,
    code: 'invalid_request',
    detail: `${parameter} ${message}.`,
    errors: [{ parameter, code: 'invalid', message }],
  });
}

const problemSchema = z.object({
  code: z.string(),
  detail: z.string().default(''),
  requestId: z.string().optional(),
  errors: z.array(z.object(fieldErrorSchema.shape)).default([]),
});

export const checkAddress = 'Check the base URL of the catalog, and the proxies on the way.';

/** The error for an answer of 400 or above. */
export function errorOf(status: number, headers: Headers, body: string): CatalogProblem | CatalogUnavailable {
  const retryAfter_ms = retryAfterOf(headers);
  const problem = parseProblem(headers, body);
  const requestId = problem?.requestId ?? headers.get('X-Request-Id') ?? undefined;
  const isElsewhere = problem === undefined && status === errorCatalogue.no_route.status;
  if (isElsewhere || problem?.code === 'no_route')
    return noRoute(
      `${problem?.detail ?? 'Something answered 404 without a problem document.'} ${checkAddress}`,
      requestId,
    );
  const version = headers.get('Catalog-Version');
  const error = new (problem?.code === 'changes_gone' ? ChangesGone : CatalogProblem)({
    status,
    code: problem?.code ?? `http_${status}`,
    detail: problem?.detail ?? `The service answered ${status} without saying why.`,
    errors: problem?.errors,
    requestId,
    retryAfter_ms,
    version: version === null ? undefined : Number(version),
  });
  if (status !== 502 && status !== 503 && status !== 504) return error;
  return new CatalogUnavailable('overloaded', error.message, { cause: error, retryAfter_ms });
}

function parseProblem(headers: Headers, body: string): z.infer<typeof problemSchema> | undefined {
  if (headers.get('Content-Type')?.startsWith('application/problem+json') !== true) return undefined;
  try {
    return problemSchema.parse(JSON.parse(body));
  } catch {
    return undefined;
  }
}

/** Our services send seconds. The other form, a date, would depend on clocks being equal, so it is ignored. */
function retryAfterOf(headers: Headers): number | undefined {
  const value = headers.get('Retry-After');
  return value !== null && /^\d{1,6}$/.test(value) ? Number(value) * 1_000 : undefined;
}
