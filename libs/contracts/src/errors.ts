/**
 * The catalogue of errors. Every answer with a status of 400 or above comes from here (RFC 9457). Clients may test `code`;
 * `cause` and `remedy` are for people.
 */
import { z } from 'zod';

export interface ErrorDefinition {
  readonly status: number;
  readonly title: string;
  readonly cause: string;
  readonly remedy: string;
  /** `Retry-After` of an answer that sets no other value: every 409 and 503 has one. */
  readonly retryAfterSeconds?: number;
}

export const errorCatalogue = {
  malformed_request: {
    status: 400,
    title: 'The request is malformed',
    cause: 'The HTTP message, its JSON or its encoding is broken.',
    remedy: 'Send well-formed HTTP and JSON in UTF-8.',
  },
  invalid_request: {
    status: 400,
    title: 'The request breaks a rule',
    cause: 'A field, parameter or header has a value that is not allowed; `errors` names each.',
    remedy: 'Correct what `errors` names.',
  },
  unauthenticated: {
    status: 401,
    title: 'The request needs a valid token',
    cause:
      'The request has no bearer token, or one that is expired, from another issuer or for another service.',
    remedy: 'Send a fresh token for this service.',
  },
  forbidden: {
    status: 403,
    title: 'The token does not allow this',
    cause: 'The token lacks the scope that this call needs.',
    remedy: 'Use a token with the scope that `detail` names.',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    cause: 'Nothing has this id.',
    remedy: 'Check the id.',
  },
  no_route: {
    status: 404,
    title: 'There is no such address',
    cause:
      'No route of this service has this path. The base URL may be wrong, or a proxy may lead to another service.',
    remedy: 'Compare the address with `/openapi.json` of the service.',
  },
  method_not_allowed: {
    status: 405,
    title: 'This address does not take the method',
    cause: 'The route exists, but not for this method.',
    remedy: 'Use a method that `Allow` names.',
  },
  request_timeout: {
    status: 408,
    title: 'The request did not arrive in time',
    cause: 'The headers or the body came too slowly.',
    remedy: 'Send the whole request at once, on a connection that is fast enough.',
  },
  conflict: {
    status: 409,
    title: 'The request conflicts with the current state',
    cause: 'Another row or another request holds what this one needs.',
    remedy: 'Read the current state and decide again.',
    retryAfterSeconds: 60,
  },
  sku_taken: {
    status: 409,
    title: 'The SKU belongs to another product',
    cause: 'SKUs are unique.',
    remedy: 'Choose another SKU, or change the SKU of that product.',
    retryAfterSeconds: 60,
  },
  stock_short: {
    status: 409,
    title: 'There is not enough in stock',
    cause: 'Fewer pieces are on hand than the request takes; `errors` names each line.',
    remedy: 'Order fewer, or wait until stock is received.',
    retryAfterSeconds: 60,
  },
  orders_closed: {
    status: 409,
    title: 'The store takes no orders now',
    cause: 'The setting `ordersEnabled` is false.',
    remedy: 'Try again when `ordersEnabled` is true.',
    retryAfterSeconds: 60,
  },
  busy: {
    status: 409,
    title: 'The row or its table is locked by another transaction',
    cause: 'Another change of the row, or a migration of the table, kept its lock for too long.',
    remedy: 'Try again.',
    retryAfterSeconds: 1,
  },
  changes_gone: {
    status: 410,
    title: 'The changes behind this cursor are not kept',
    cause: 'The cursor is too old, or Postgres has failed over or was restored since.',
    remedy: 'Read all products with `after=snapshot`, and follow the changes from there.',
  },
  version_not_reached: {
    status: 412,
    title: 'The database has not reached the requested version',
    cause: '`Min-Version` is above what Postgres holds for this key.',
    remedy: 'Send the `Catalog-Version` from the answer to a write of this key.',
  },
  version_changed: {
    status: 412,
    title: 'The row has changed since it was read',
    cause: '`If-Match` names another version than the current one.',
    remedy: 'Read it again, and repeat the change on the new version.',
  },
  body_too_large: {
    status: 413,
    title: 'The body is too large',
    cause: 'The body exceeds the limit that `detail` names.',
    remedy: 'Send less. Use /v1/imports for many products.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The content type is not supported',
    cause: 'This route does not read bodies of this type.',
    remedy: 'Send one of the types that `detail` names.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'The Idempotency-Key was used for another request',
    cause: 'The same key came with another body.',
    remedy: 'Use a new key for a new request.',
  },
  import_rejected: {
    status: 422,
    title: 'The import was rejected',
    cause:
      'A record breaks a rule, and the mode `reject-all` takes all records or none; `errors` names lines and fields.',
    remedy: 'Correct the records that `errors` names, or use the mode `skip-failed`.',
  },
  precondition_required: {
    status: 428,
    title: 'The request needs If-Match',
    cause: 'A change without `If-Match` could overwrite a change of another client.',
    remedy: 'Send the ETag that you read, or `*` to overwrite any version.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    cause: 'The caller has used up its limit.',
    remedy: 'Wait for the seconds in `Retry-After`.',
  },
  headers_too_large: {
    status: 431,
    title: 'The headers are too large',
    cause: 'The headers exceed 16 KiB.',
    remedy: 'Send fewer or shorter headers.',
  },
  internal_error: {
    status: 500,
    title: 'Something failed on our side',
    cause: 'The service has a bug. Its log has the error under `requestId`.',
    remedy: 'Report the `requestId`.',
  },
  unavailable: {
    status: 503,
    title: 'The service is not available now',
    cause: 'A store does not answer, or the service is overloaded or stopping.',
    remedy: 'Try again after `Retry-After`.',
    retryAfterSeconds: 1,
  },
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof errorCatalogue;

/** A field that broke a rule. `pointer` is a JSON pointer into the body, or `parameter`/`header` names it. */
export const fieldErrorSchema = z.strictObject({
  pointer: z.string().optional(),
  parameter: z.string().optional(),
  header: z.string().optional(),
  code: z.string(),
  message: z.string(),
});
export type FieldError = z.infer<typeof fieldErrorSchema>;

export const problemSchema = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string(),
  requestId: z.string(),
  errors: z.array(fieldErrorSchema),
});
export type Problem = z.infer<typeof problemSchema>;

/** The only error whose text a client sees. Any other error becomes `internal_error`. */
export class CatalogError extends Error {
  override readonly name = 'CatalogError';
  readonly code: ErrorCode;
  readonly errors: readonly FieldError[];
  /** Seconds, for `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    detail: string,
    options: { errors?: readonly FieldError[]; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.errors = options.errors ?? [];
    const { retryAfterSeconds }: ErrorDefinition = errorCatalogue[code];
    this.retryAfterSeconds = options.retryAfterSeconds ?? retryAfterSeconds;
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }
}

/**
 * Request header: how many milliseconds the caller still waits for the answer. A service that calls others passes on
 * what is left of it, so that no service works for a caller that has given up.
 */
export const REQUEST_TIMEOUT_HEADER = 'Request-Timeout-Ms';

/** The answer after that time. The caller has most likely stopped waiting for it. */
export const callerGaveUp = (): CatalogError =>
  new CatalogError('unavailable', `The time that ${REQUEST_TIMEOUT_HEADER} allowed is over.`, {
    retryAfterSeconds: 1,
  });
