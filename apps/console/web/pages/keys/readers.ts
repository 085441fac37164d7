import { queryOptions } from '@tanstack/react-query';
import { getJson } from '../../http/api.ts';
import { holdersAddress, readersAddress } from './addresses.ts';

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
  };
}

/** Who holds a key, and what. */
export interface HolderRow {
  readonly name: string;
  readonly title: string;
  readonly holder: Holder;
}

/** Postgres and Redis once, and the near cache of each reader. */
export function rowsOfReaders(views: readonly ReaderView[]): readonly HolderRow[] {
  const [first] = views;
  if (first === undefined) return [];
  return [
    ...rowsOfStores(first.view),
    ...views.map(({ instance, view }, index) => ({
      name: `near cache ${index + 1}`,
      title: instance,
      holder: view.near,
    })),
  ];
}

const rowsOfStores = ({
  postgres,
  redis,
}: {
  readonly postgres: Holder;
  readonly redis: Holder;
}): readonly HolderRow[] => [
  { name: 'Postgres', title: '', holder: postgres },
  { name: 'Redis', title: '', holder: redis },
];

/** Takes the place of rows that are not known yet, so that nothing shifts when they arrive. */
export function awaitedRows(readers: number): readonly HolderRow[] {
  const names = [
    'Postgres',
    'Redis',
    ...Array.from({ length: readers }, (_, index) => `near cache ${index + 1}`),
  ];
  return names.map((name) => ({ name, title: '', holder: { state: '…' } }));
}

/** `at` is the address in the console of the product, of the SKU or of the settings. */
export const readersQuery = (at: string) =>
  queryOptions({
    queryKey: ['readers', at],
    queryFn: async ({ signal }) =>
      rowsOfReaders((await getJson<{ data: readonly ReaderView[] }>(readersAddress(at), signal)).data),
    refetchInterval: 3_000,
  });

/** Any key, without near caches. */
export const heldKeyQuery = (cacheKey: string) =>
  queryOptions({
    queryKey: ['held key', cacheKey],
    queryFn: async ({ signal }) =>
      rowsOfStores(await getJson<{ postgres: Holder; redis: Holder }>(holdersAddress(cacheKey), signal)),
    refetchInterval: 3_000,
  });
