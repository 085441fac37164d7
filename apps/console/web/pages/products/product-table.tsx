import { useNavigate } from '@tanstack/react-router';
import { useRef, type KeyboardEvent } from 'react';
import { useRowLinks } from '../../elements/row-links.ts';
import { Scroll } from '../../elements/scroll.tsx';
import { count, Moment, Money, useAging, Weight } from '../../elements/values.tsx';
import { personOf, shortPersonOf, type Product } from '../../products/product.ts';
import { useAuthors } from './use-authors.ts';
import { useStock } from './use-stock.ts';

export interface ProductTableProps {
  readonly products: readonly Product[];
  /** True while the rows are still those of the former filters. */
  readonly isOld: boolean;
  readonly sort: string | undefined;
  readonly sortBy: (sort: string | undefined) => void;
  /** undefined for people who may not edit. */
  readonly chosen: ReadonlyMap<string, Product> | undefined;
  readonly choose: (chosen: ReadonlyMap<string, Product>) => void;
}

/** Keys: ↓ and ↑ (or j and k) move, x chooses, Enter opens. */
export function ProductTable({ products, isOld, sort, sortBy, chosen, choose }: ProductTableProps) {
  const body = useRef<HTMLTableSectionElement>(null);
  const navigate = useNavigate();
  useAging();
  const links = useRowLinks();
  const stock = useStock(products);
  const authors = useAuthors(products);
  const toggle = (product: Product): void => {
    const next = new Map(chosen);
    if (!next.delete(product.id)) next.set(product.id, product);
    choose(next);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.target instanceof HTMLInputElement && event.key === ' ') return;
    const rows = [...(body.current?.rows ?? [])];
    const index = rows.findIndex((row) => row.contains(document.activeElement));
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    const product = products[index];
    if (step !== undefined) {
      event.preventDefault();
      rows[Math.min(Math.max(index + step, 0), rows.length - 1)]?.querySelector('a')?.focus();
    } else if (event.key === 'x' && chosen !== undefined && product !== undefined) toggle(product);
    else if (event.key === 'Enter' && product !== undefined && event.target instanceof HTMLTableRowElement)
      void navigate({ to: '/products/$id', params: { id: product.id } });
  };
  const all = chosen !== undefined && products.every(({ id }) => chosen.has(id));
  return (
    <Scroll label="Table of products">
      <table className={isOld ? 'products old' : 'products'}>
        <thead>
          <tr>
            {chosen !== undefined && (
              <th className="tick">
                <input
                  type="checkbox"
                  aria-label="Choose all shown products"
                  checked={all}
                  onChange={() =>
                    choose(all ? new Map() : new Map(products.map((product) => [product.id, product])))
                  }
                />
              </th>
            )}
            <th className="sku">SKU</th>
            <Sortable name="Name" by="name" sort={sort} sortBy={sortBy} />
            <th className="aside">Brand</th>
            <th className="roomy">Category</th>
            <th className="number roomy">Weight</th>
            <Sortable name="Price" by="price" sort={sort} sortBy={sortBy} className="number" />
            <th className="number aside">Stock</th>
            <Sortable name="Updated" by="updatedAt" sort={sort} sortBy={sortBy} className="number updated" />
            <th className="author">By</th>
          </tr>
        </thead>
        <tbody ref={body} onKeyDown={onKeyDown} {...links}>
          {products.map((product) => (
            <tr key={product.id} className={chosen?.has(product.id) === true ? 'chosen' : undefined}>
              {chosen !== undefined && (
                <td className="tick">
                  <input
                    type="checkbox"
                    aria-label={`Choose ${product.sku}`}
                    checked={chosen.has(product.id)}
                    onChange={() => toggle(product)}
                  />
                </td>
              )}
              <td className="mono sku" title={product.sku}>
                <Sku sku={product.sku} />
              </td>
              <td className="wide">
                <a href={`/products/${product.id}`} title={product.name} className="plain">
                  {product.name}
                </a>
                <span className="below mono faint">{product.sku}</span>
              </td>
              <td className="brand-cell aside" title={product.brand}>
                {product.brand}
              </td>
              <td className="roomy">{product.category}</td>
              <td className="number roomy">
                <Weight grams={product.weightGrams} />
              </td>
              <td className="number">
                <Money minor={product.priceMinor} currency={product.currency} />
                <span className="below faint">{stockText(stock.get(product.id))} in stock</span>
              </td>
              <Stock onHand={stock.get(product.id)} />
              <td className="number faint updated">
                <Moment at={product.updatedAt} />
              </td>
              <Author changedBy={authors.get(product.id)?.changedBy} />
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** SKUs of a series differ at the end, so a long one is cut in its middle. */
function Sku({ sku }: { sku: string }) {
  if (sku.length <= wholeSku.usual) return sku;
  return (
    <span
      className={sku.length > wholeSku.wide ? 'cut-middle cut-always' : 'cut-middle'}
      data-end={sku.slice(-skuEnd)}
    >
      <span>{sku}</span>
    </span>
  );
}
/** Characters that have place in the column, usually and on a wide screen. */
const wholeSku = { usual: 18, wide: 33 } as const;
const skuEnd = 7;

/** undefined while it is not known, or if the orders service does not answer. */
function Stock({ onHand }: { onHand: number | undefined }) {
  return (
    <td
      className={onHand === undefined ? 'number aside stock faint' : 'number aside stock'}
      title={onHand === undefined ? 'unknown' : `${onHand} on hand`}
    >
      {stockText(onHand)}
    </td>
  );
}

const stockText = (onHand: number | undefined): string => (onHand === undefined ? '–' : count(onHand));

/** undefined while it is not known. Its width is fixed, so that nothing shifts when the name arrives. */
function Author({ changedBy }: { changedBy: string | undefined }) {
  if (changedBy === undefined) return <td className="author faint">–</td>;
  return (
    <td className="author faint" title={`Changed by ${personOf(changedBy)}`}>
      {shortPersonOf(changedBy)}
    </td>
  );
}

function Sortable({
  name,
  by,
  sort,
  sortBy,
  className,
}: {
  name: string;
  by: string;
  sort: string | undefined;
  sortBy: (sort: string | undefined) => void;
  className?: string;
}) {
  const direction = sort === by ? 'ascending' : sort === `-${by}` ? 'descending' : 'none';
  const next = { none: by, ascending: `-${by}`, descending: undefined }[direction];
  return (
    <th className={className} aria-sort={direction}>
      <button type="button" className="sort" onClick={() => sortBy(next)}>
        {name} {{ none: '', ascending: '↑', descending: '↓' }[direction]}
      </button>
    </th>
  );
}
