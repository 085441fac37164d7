import { queryOptions } from '@tanstack/react-query';
import { count } from '../../elements/values.tsx';
import { getJson } from '../../http/api.ts';
import { tracesAddress } from './addresses.ts';

/** One committed change on its way, as the worker reports it. All times are of the clock of Postgres. */
export interface Trace {
  readonly seq: number;
  readonly entity: string;
  /** As the cache has it: `product:<id>`. */
  readonly key: string;
  readonly version: number | null;
  readonly changedAt: string;
  readonly committedAt: string | null;
  readonly rungAt: string | null;
  readonly claimedAt: string | null;
  readonly queuedAt: string | null;
  readonly appliedAt: string | null;
  readonly refreshedAt: string | null;
  readonly dispatches: number;
}

export const tracesQuery = (cacheKey: string) =>
  queryOptions({
    queryKey: ['traces', cacheKey],
    queryFn: ({ signal }) => getJson<{ data: readonly Trace[] }>(tracesAddress(cacheKey), signal),
    refetchInterval: 2_000,
  });

/** A version without an order: the change invalidates any version. */
export const versionText = (version: number | null): string => (version === null ? 'any' : count(version));
