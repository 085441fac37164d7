import { parseCacheKey, PRODUCT, SKU } from '@catalog/contracts';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Failed, Loading } from '../../elements/states.tsx';
import { loadProduct } from '../../products/product.ts';
import { History } from '../product/history.tsx';
import { cachedAddress } from './addresses.ts';
import { HolderTable } from './holder-table.tsx';
import { KeyAudits } from './key-audits.tsx';
import { KeyChanges } from './key-changes.tsx';
import { heldKeyQuery, readersQuery } from './readers.ts';

/** Why a key is so: what holds what, what happened to it in the last minutes, its audits, and the history of its product. */
export function KeyView({ cacheKey }: { cacheKey: string }) {
  const parsed = parseCacheKey(cacheKey);
  const productId = parsed?.entity === PRODUCT ? parsed.key : undefined;
  return (
    <div className="two">
      <div className="stack">
        <Held cacheKey={cacheKey} />
        <KeyChanges cacheKey={cacheKey} />
      </div>
      <div className="stack">
        <KeyAudits cacheKey={cacheKey} />
        {productId !== undefined && <ProductHistory id={productId} />}
      </div>
    </div>
  );
}

function Held({ cacheKey }: { cacheKey: string }) {
  const parsed = parseCacheKey(cacheKey);
  const cached = cachedAddress(cacheKey);
  if (parsed === undefined || cached === undefined)
    return (
      <Holders query={heldKeyQuery(cacheKey)}>
        <span className="fine">
          Each process of {parsed?.entity.readBy ?? 'its service'} may hold it too.
        </span>
      </Holders>
    );
  return (
    <Holders query={readersQuery(cached)}>
      {parsed.entity === PRODUCT ? (
        <Link to="/products/$id" params={{ id: parsed.key }}>
          To the product
        </Link>
      ) : parsed.entity === SKU ? (
        <Link to="/products" search={{ q: parsed.key }}>
          To the product
        </Link>
      ) : (
        <Link to="/settings">To the settings</Link>
      )}
    </Holders>
  );
}

function Holders({ query, children }: { query: ReturnType<typeof readersQuery>; children: ReactNode }) {
  const { data, error, refetch } = useQuery(query);
  return (
    <section className="panel" aria-labelledby="held">
      <header>
        <h2 id="held">Where it is held</h2>
        <div className="actions">{children}</div>
      </header>
      {data === undefined ? (
        error === null ? (
          <Loading rows={6} />
        ) : (
          <Failed error={error} again={() => void refetch()} />
        )
      ) : (
        <div className="panel-body">
          <HolderTable rows={data} />
        </div>
      )}
    </section>
  );
}

/** The prices in it need the currency of the product. */
function ProductHistory({ id }: { id: string }) {
  const { data, isPending } = useQuery({
    queryKey: ['product of key', id],
    queryFn: ({ signal }) => loadProduct(id, signal),
    retry: false,
  });
  return isPending ? <Loading rows={4} /> : <History id={id} product={data?.product} />;
}
