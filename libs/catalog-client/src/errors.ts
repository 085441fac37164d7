import { errorCatalogue, fieldErrorSchema, type ErrorCode, type FieldError } from '@catalog/contracts';
import { z } from 'zod';

/** What a problem is told apart by; a server that is newer than this client may have codes of its own. */
export type ProblemCode = ErrorCode | (string & {});

/** The service answered, and the answer is no (RFC 9457). */
export class CatalogProblem extends Error {
  override readonly name = 'CatalogProblem';
  readonly status: number;
  readonly code: ProblemCode;
  /** Which fields broke which rule. */
  readonly errors: readonly FieldError[];
  /** Under which the service has logged it. */
  readonly requestId: string | undefined;
  readonly retryAfter_ms: number | undefined;

  constructor(problem: {
    status: number;
    code: ProblemCode;
    detail: string;
    errors?: readonly FieldError[] | undefined;
    requestId?: string | undefined;
    retryAfter_ms?: number | undefined;
  }) {
    super(problem.detail);
    this.status = problem.status;
    this.code = problem.code;
    this.errors = problem.errors ?? [];
    this.requestId = problem.requestId;
    this.retryAfter_ms = problem.retryAfter_ms;
  }
}

export type UnavailableReason = 'unreachable' | 'overloaded' | 'deadline';

/** No usable answer in time, after what may be repeated was repeated. `cause` says what the last attempt met. */
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

/** This service cannot sign in: its key file cannot be read, or holds no key. Nothing was asked. */
export class ServiceKeyError extends Error {
  override readonly name = 'ServiceKeyError';
  readonly file: string;

  constructor(file: string, what: string, options: { cause?: unknown } = {}) {
    super(`${file} ${what}`, options);
    this.file = file;
  }
}

/** Refused here, as the service would refuse it: one bad id must not fail the batch that it would travel in. */
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

/** The error for an answer of 400 or above. */
export function errorOf(status: number, headers: Headers, body: string): CatalogProblem | CatalogUnavailable {
  const retryAfter_ms = retryAfterOf(headers);
  const problem = parseProblem(headers, body);
  const error = new CatalogProblem({
    status,
    code: problem?.code ?? `http_${status}`,
    detail: problem?.detail ?? `The service answered ${status} without saying why.`,
    errors: problem?.errors,
    requestId: problem?.requestId ?? headers.get('X-Request-Id') ?? undefined,
    retryAfter_ms,
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

/** Seconds, as our services send it; the other form, a date, is not worth a guess about clocks. */
function retryAfterOf(headers: Headers): number | undefined {
  const value = headers.get('Retry-After');
  return value !== null && /^\d{1,6}$/.test(value) ? Number(value) * 1_000 : undefined;
}
