/** The parts that a person can break on the page Break it, and which of them are broken now. */
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
