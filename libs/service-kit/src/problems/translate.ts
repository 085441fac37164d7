import { CatalogError } from '@catalog/contracts';

/** The earliest useful retry while a store is away: most failovers take longer than one second. */
const retryAfterSeconds = 1;

const unavailable = (cause: unknown, detail = 'A store does not answer.'): CatalogError =>
  new CatalogError('unavailable', detail, { retryAfterSeconds, cause });

const internalError = (cause: unknown): CatalogError =>
  new CatalogError('internal_error', 'Something failed on our side.', { cause });

/** System errors of a connection to a store or another service. */
const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ECONNABORTED',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_SOCKET',
]);

/** pg and ioredis give these no code. */
const connectionMessages = [
  'timeout exceeded when trying to connect',
  'Connection terminated',
  'Client has encountered a connection error',
  'Query read timeout',
  'Connection is closed',
  "Stream isn't writeable",
  'Command timed out',
  'Reached the max retries per request limit',
];

/** Redis is full, cannot save, follows another server, has too few replicas, or is loading its data. */
const redisRefusal = /^(?:OOM|MISCONF|READONLY|NOREPLICAS|MASTERDOWN|LOADING)\b/;

/** PostgreSQL manual, appendix A. */
function fromSqlState(sqlState: string, cause: unknown): CatalogError | undefined {
  switch (sqlState) {
    case '55P03': // lock_not_available
    case '40P01': // deadlock_detected
    case '40001': // serialization_failure
      return new CatalogError(
        'busy',
        'Another transaction holds a lock on the row or on its table; try again.',
        {
          retryAfterSeconds,
          cause,
        },
      );
    case '57014': // query_canceled, by statement_timeout
      return unavailable(cause, 'The database took too long.');
    case '53100': // disk_full
      return unavailable(cause, 'The disk of the database is full.');
    case '25006': // read_only_sql_transaction: the server of this connection has become a standby
    case '58030': // io_error
      return unavailable(cause);
    case '55000': // object_not_in_prerequisite_state: FATAL if the database accepts no connections
      return (cause as { severity?: unknown }).severity === 'FATAL' ? unavailable(cause) : undefined;
    case '22021': // character_not_in_repertoire
    case '22P05': // untranslatable_character
      return new CatalogError('invalid_request', 'The request contains a character that cannot be stored.', {
        cause,
      });
    default:
      break;
  }
  // 08 connection exception, 53 out of connections, memory or disk, 57P shutdown, crash, cannot connect now.
  return /^(08|53|57P)/.test(sqlState) ? unavailable(cause) : undefined;
}

/** The answer to any error of a handler. Only a `CatalogError` keeps its text. */
export function translate(error: unknown): CatalogError {
  if (error instanceof CatalogError) return error;
  if (error instanceof URIError)
    return new CatalogError('malformed_request', 'The address contains a broken percent-encoding.', {
      cause: error,
    });
  if (typeof error === 'object' && error !== null) {
    const { code, status, statusCode, message, severity, previousErrors } = error as {
      code?: unknown;
      status?: unknown;
      statusCode?: unknown;
      message?: unknown;
      severity?: unknown;
      previousErrors?: unknown;
    };
    // Redis gave up a transaction. ioredis keeps the errors of its commands here.
    if (Array.isArray(previousErrors) && previousErrors.length > 0) return translate(previousErrors[0]);
    if (typeof code === 'string') {
      if (networkCodes.has(code)) return unavailable(error);
      if (typeof severity === 'string') {
        const translated = fromSqlState(code, error);
        if (translated !== undefined) return translated;
      }
    }
    if (typeof message === 'string' && connectionMessages.some((known) => message.startsWith(known)))
      return unavailable(error);
    if (typeof message === 'string' && redisRefusal.test(message))
      return unavailable(error, 'A store refuses writes right now.');
    // Errors of Express and its parsers have their status under both names, and their text may repeat the request. An
    // error with `status` alone is the answer of another service to us, and not a mistake of our client.
    if (status !== statusCode) return internalError(error);
    if (status === 413) return new CatalogError('body_too_large', 'The body is too large.', { cause: error });
    if (status === 415)
      return new CatalogError('unsupported_media_type', 'The content type or encoding is not supported.', {
        cause: error,
      });
    if (typeof status === 'number' && status >= 400 && status < 500)
      return new CatalogError('malformed_request', 'The request is malformed.', { cause: error });
  }
  return internalError(error);
}
