import { queryOptions } from '@tanstack/react-query';
import { getJson } from '../../http/api.ts';

export interface Holder {
  readonly state: string;
  readonly version?: number;
  readonly ageMs?: number;
  readonly ttlMs?: number;
  readonly isLeased?: boolean;
  readonly reason?: string;
  /** Whether the content is that of Postgres. null if it holds none, or if Postgres cannot be read. */
  readonly equal?: boolean | null;
}

/** What one process of catalog-read sees of a key. */
export interface ReaderView {
  readonly instance: string;
  readonly view: {
    readonly postgres: Holder;
    readonly redis: Holder;
    readonly near: Holder;
    readonly lastInvalidation: { readonly version: number | null; readonly heardAt: string } | null;
    readonly process: { readonly nearCacheIsSound?: boolean; readonly watermarkAgeMs?: number | null };
  };
}

/** `at` is the address in the console of the product or of the settings. */
export const readersQuery = (at: string) =>
  queryOptions({
    queryKey: ['readers', at],
    queryFn: ({ signal }) => getJson<{ data: readonly ReaderView[] }>(`${at}/readers`, signal),
    refetchInterval: 3_000,
  });
