/** What can be broken in this stack, and what is broken at the moment. */
import { queryOptions } from '@tanstack/react-query';
import { getJson } from '../../http/api.ts';

export interface Part {
  readonly name: string;
  /** Since when it is broken. null if it is not. */
  readonly since: string | null;
}

export const partsQuery = queryOptions({
  queryKey: ['break-it'],
  queryFn: ({ signal }) => getJson<{ data: readonly Part[] }>('/api/break-it', signal),
  refetchInterval: 1_000,
});
