import { keepPreviousData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { More } from '../../elements/more.tsx';
import { NotLive } from '../../elements/not-live.tsx';
import { Empty, Failed, Loading, PageHead } from '../../elements/states.tsx';
import { count } from '../../elements/values.tsx';
import { getJson } from '../../http/api.ts';
import { productIdIn, useLive } from '../../http/live.ts';
import { useMay } from '../../http/me.ts';
import type { Product, ProductPage } from '../../products/product.ts';
import { BulkBar } from './bulk-bar.tsx';
import { Filters } from './filters.tsx';
import { ProductTable } from './product-table.tsx';
import { SavedViews } from './saved-views.tsx';
import { listAddress, pageSize, queryOf, type ProductsSearch } from './search.ts';

export function Products() {
  const search = useSearch({ from: '/products' });
  const navigate = useNavigate();
  const mayEdit = useMay('editor');
  const [chosen, setChosen] = useState<ReadonlyMap<string, Product>>(new Map());
  const choose = (change: Partial<Record<keyof ProductsSearch, string | number | undefined>>): void => {
    void navigate({ to: '/products', search: { ...search, ...change } as ProductsSearch, replace: true });
  };
  const list = useProducts(search);
  const products = list.data?.pages.flatMap(({ data }) => data) ?? [];
  const total = list.data?.pages[0]?.page.estimatedTotal;
  return (
    <>
      <PageHead title="Products" note={total === undefined ? undefined : totalText(total)}>
        <SavedViews search={search} show={(view) => void navigate({ to: '/products', search: view })} />
        <a className="button" href={exportAddress(search)} download title="The products of this view as CSV">
          Export
        </a>
        {mayEdit && (
          <>
            <Link to="/import" className="button">
              Import
            </Link>
            <Link to="/products/new" className="button primary">
              New product
            </Link>
          </>
        )}
      </PageHead>
      <div className="stack">
        <NotLive />
        <Filters search={search} choose={choose} />
        <section className="panel" aria-label="Products">
          {list.data === undefined ? (
            list.isError ? (
              <Failed error={list.error} again={() => void list.refetch()} />
            ) : (
              <Loading rows={12} />
            )
          ) : products.length === 0 ? (
            <Nothing search={search} />
          ) : (
            <ProductTable
              products={products}
              isOld={list.isPlaceholderData}
              sort={search.sort}
              sortBy={(sort) => choose({ sort })}
              chosen={mayEdit ? chosen : undefined}
              choose={setChosen}
            />
          )}
        </section>
        {products.length > 0 && (
          <More list={list} name={`Show ${pageSize} more`}>
            <span className="fine">{count(products.length)} shown</span>
          </More>
        )}
      </div>
      {chosen.size > 0 && (
        <BulkBar
          products={[...chosen.values()]}
          clear={() => setChosen(new Map())}
          done={() => {
            setChosen(new Map());
            void list.refetch();
          }}
        />
      )}
    </>
  );
}

/** The services count exactly up to here, and estimate beyond it. */
const countedUpTo = 500;
const totalText = (total: number): string => `${total > countedUpTo ? 'about ' : ''}${count(total)}`;

/** The order is no filter: a file has the order of creation. */
function exportAddress(search: ProductsSearch): string {
  const { sort: _, ...filters } = search;
  return `/api/products/export?${new URLSearchParams([...queryOf(filters), ['format', 'csv']])}`;
}

function useProducts(search: ProductsSearch) {
  const queries = useQueryClient();
  // Only shown rows are read again. A page of a list follows its changes within a second.
  useLive('applied', ({ entity, key }) => {
    if (entity !== 'product') return;
    const shown = queries.getQueriesData<{ pages: ProductPage[] }>({ queryKey: ['products'] });
    const isShown = shown.some(([, data]) =>
      data?.pages.some((page) => page.data.some((product) => product.id === productIdIn(key))),
    );
    if (isShown) setTimeout(() => void queries.invalidateQueries({ queryKey: ['products'] }), 1_000);
  });
  return useInfiniteQuery({
    queryKey: ['products', listAddress(search)],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) => getJson<ProductPage>(listAddress(search, pageParam), signal),
    getNextPageParam: ({ page }) => page.nextCursor ?? undefined,
    placeholderData: keepPreviousData,
  });
}

function Nothing({ search }: { search: ProductsSearch }) {
  if (Object.keys(search).length === 0)
    return (
      <Empty title="There is no active product yet.">
        <p>
          Create one, or <Link to="/import">import a file</Link>.
        </p>
      </Empty>
    );
  return (
    <Empty title="No product matches.">
      <p>
        The filters show {search.status ?? 'active'} products only.{' '}
        <Link to="/products" search={{}}>
          Remove all filters
        </Link>
      </p>
    </Empty>
  );
}
