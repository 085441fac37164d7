/** For calls of a person that a service answers from Postgres. */
export const pacedCalls = {
  /** A page of the console reads a list and its facets. */
  atOnce: 2,
  /** A person who types sends one search for each letter. Most are answered within milliseconds. */
  waiting: 20,
  wait_ms: 10_000,
} as const;

/** Whether a cache has answered, so that the call has cost Postgres nothing. */
export const isFromCache = ({ headers }: Response): boolean =>
  /; hit; detail=(?:near|redis)$/.test(headers.get('cache-status') ?? '');
