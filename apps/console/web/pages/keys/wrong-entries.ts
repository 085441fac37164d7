import type { WrongEntries } from '@catalog/contracts';
import { queryOptions } from '@tanstack/react-query';
import { getJson } from '../../http/api.ts';
import { auditsAddress } from './addresses.ts';

/** What the auditor of the worker has found wrong, the newest first: of one key, or of all. */
export const wrongEntriesQuery = (cacheKey?: string) =>
  queryOptions({
    queryKey: ['wrong entries', cacheKey],
    queryFn: ({ signal }) => getJson<WrongEntries>(auditsAddress(cacheKey), signal),
    refetchInterval: 10_000,
    retry: false,
  });
