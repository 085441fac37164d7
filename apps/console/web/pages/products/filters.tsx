import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { count } from '../../elements/values.tsx';
import { getJson } from '../../http/api.ts';
import { Facet } from './facet.tsx';
import type { FacetCount } from './facet-text.tsx';
import { PriceRange } from './price-range.tsx';
import { facetsAddress, type ProductsSearch } from './search.ts';

type Choose = (change: Partial<Record<keyof ProductsSearch, string | number | undefined>>) => void;

type Facets = Partial<Readonly<Record<'brand' | 'category' | 'status', readonly FacetCount[]>>>;

/** The search waits for this time after a key press. Otherwise each key press would be a query of its own. */
const typing_ms = 200;

export function Filters({ search, choose }: { search: ProductsSearch; choose: Choose }) {
  const { data: facets } = useFacets(search);
  return (
    <div className="filters" role="search">
      <SearchBox value={search.q ?? ''} choose={(q) => choose({ q: q === '' ? undefined : q })} />
      <select
        aria-label="Status"
        value={search.status ?? 'active'}
        onChange={({ target }) => choose({ status: target.value === 'active' ? undefined : target.value })}
      >
        {['active', 'draft', 'archived'].map((status) => (
          <option key={status} value={status}>
            {status}
            {countOf(facets?.status, status)}
          </option>
        ))}
      </select>
      <Facet
        label="Brand"
        value={search.brand}
        counts={facets?.brand}
        choose={(brand) => choose({ brand })}
      />
      <Facet
        label="Category"
        value={search.category}
        counts={facets?.category}
        choose={(category) => choose({ category })}
      />
      <PriceRange min={search.minPrice} max={search.maxPrice} choose={choose} />
      <button
        type="button"
        className="quiet"
        aria-label="Remove filters"
        title="Remove filters"
        disabled={Object.keys(search).length === 0}
        onClick={() =>
          choose({
            q: undefined,
            status: undefined,
            brand: undefined,
            category: undefined,
            minPrice: undefined,
            maxPrice: undefined,
            sort: undefined,
          })
        }
      >
        ✕
      </button>
    </div>
  );
}

function countOf(counts: readonly FacetCount[] | undefined, value: string): string {
  const found = counts?.find((one) => one.value === value);
  return found === undefined ? '' : ` (${count(found.count)})`;
}

/** Counts for the same filters. Without them the filters work the same, only without numbers. */
function useFacets(search: ProductsSearch) {
  const address = facetsAddress(search);
  return useQuery({
    queryKey: ['facets', address],
    queryFn: async ({ signal }): Promise<Facets> => {
      const answer = await getJson<{ data?: Facets } & Facets>(address, signal);
      return answer.data ?? answer;
    },
    retry: false,
    staleTime: 30_000,
    placeholderData: keepPreviousData,
  });
}

function SearchBox({ value, choose }: { value: string; choose: (value: string) => void }) {
  const [text, setText] = useState(value);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text.trim() === value) return undefined;
    const timer = setTimeout(() => choose(text.trim()), typing_ms);
    return () => clearTimeout(timer);
  });
  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      const isTyping = event.target instanceof HTMLElement && event.target.matches('input, textarea, select');
      if (event.key !== '/' || isTyping) return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener('keydown', focus);
    return () => removeEventListener('keydown', focus);
  }, []);
  return (
    <input
      ref={input}
      type="search"
      aria-label="Search products"
      placeholder="Search by name, SKU or brand  ( / )"
      maxLength={200}
      value={text}
      onChange={({ target }) => setText(target.value)}
    />
  );
}
