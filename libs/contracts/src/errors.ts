/**
 * The one catalogue of errors. `code` is what a client may test for, `cause` and `remedy` are for the
 * person who meets it. Every answer with a status of 400 or above comes from here (RFC 9457).
 */
import { z } from 'zod';

export interface ErrorDefinition {
  readonly status: number;
  readonly title: string;
  readonly cause: string;
  readonly remedy: string;
}

export const errorCatalogue = {
  malformed_request: {
    status: 400,
    title: 'The request cannot be understood',
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
    title: 'A valid token is needed',
    cause: 'No bearer token, or one that is expired, of another issuer or for another service.',
    remedy: 'Send a fresh token for this service.',
  },
  forbidden: {
    status: 403,
    title: 'The token does not allow this',
    cause: 'The token lacks the scope that this call needs.',
    remedy: 'Ask for the scope that `detail` names.',
  },
  not_found: {
    status: 404,
    title: 'There is no such thing',
    cause: 'No such route, or no row with this id.',
    remedy: 'Check the address.',
  },
  method_not_allowed: {
    status: 405,
    title: 'The method is not allowed here',
    cause: 'The route exists, but not for this method.',
    remedy: 'Use a method that `Allow` names.',
  },
  request_timeout: {
    status: 408,
    title: 'The request did not arrive in time',
    cause: 'The headers or the body came too slowly.',
    remedy: 'Send the request at once, on a connection that works.',
  },
  conflict: {
    status: 409,
    title: 'The request conflicts with the current state',
    cause: 'Another row or another request holds what this one needs.',
    remedy: 'Read the current state and decide again.',
  },
  sku_taken: {
    status: 409,
    title: 'The SKU belongs to another product',
    cause: 'SKUs are unique.',
    remedy: 'Choose another SKU, or change the product that has it.',
  },
  stock_short: {
    status: 409,
    title: 'There is not enough in stock',
    cause: 'Fewer pieces are on hand than are asked for; `errors` names each line.',
    remedy: 'Order fewer, or wait until stock is received.',
  },
  orders_closed: {
    status: 409,
    title: 'No orders are taken',
    cause: 'The settings of the store say so.',
    remedy: 'Wait until `ordersEnabled` is set again.',
  },
  busy: {
    status: 409,
    title: 'The row or its table is locked by another transaction',
    cause: 'Another change of the row, or a migration of the table, kept its lock for too long.',
    remedy: 'Try again.',
  },
  version_not_reached: {
    status: 412,
    title: 'The database has not reached the version asked for',
    cause: '`Min-Version` is above what Postgres holds for this key.',
    remedy: 'Send the `Catalog-Version` that a write of this key answered.',
  },
  version_changed: {
    status: 412,
    title: 'The row has changed meanwhile',
    cause: '`If-Match` names another version than the current one.',
    remedy: 'Read it again, and repeat the change on the new version.',
  },
  body_too_large: {
    status: 413,
    title: 'The body is too large',
    cause: 'The body exceeds the limit that `detail` names.',
    remedy: 'Send less; products in bulk go through /v1/imports.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The content type is not supported',
    cause: 'The body is not of a type that this route reads.',
    remedy: 'Send one of the types that `detail` names.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'The Idempotency-Key was used for another request',
    cause: 'The same key came with another body.',
    remedy: 'Use a new key for a new request.',
  },
  precondition_required: {
    status: 428,
    title: 'If-Match is needed',
    cause: 'A change without `If-Match` could overwrite what somebody else wrote.',
    remedy: 'Send the ETag that you read, or `*` to overwrite whatever is there.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    cause: 'The limit of this caller is used up.',
    remedy: 'Wait as `Retry-After` says.',
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
    cause: 'A bug; it is logged under `requestId`.',
    remedy: 'Report the `requestId`.',
  },
  unavailable: {
    status: 503,
    title: 'Not available right now',
    cause: 'A store does not answer, or the service is shedding load or stopping.',
    remedy: 'Try again after `Retry-After`.',
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

/** The only error that code throws on purpose towards a client; everything else is `internal_error`. */
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
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }
}
