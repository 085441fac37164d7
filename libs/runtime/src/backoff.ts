/**
 * The pause before the next attempt, in milliseconds. It doubles with each failure in a row.
 *
 * @returns a function of the number of failures in a row, at least 1: `first_ms` for 1, and never above `most_ms`
 */
export function backoff({
  first_ms,
  most_ms,
}: {
  readonly first_ms: number;
  readonly most_ms: number;
}): (failures: number) => number {
  return (failures) => Math.min(most_ms, first_ms * 2 ** (failures - 1));
}

/**
 * For connections to Postgres and Redis, and the `retryStrategy` of ioredis. The limit is one second, so that a server
 * that returns is used again at once.
 */
export const reconnectDelay_ms = backoff({ first_ms: 25, most_ms: 1_000 });
