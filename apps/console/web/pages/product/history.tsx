import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { Failed, Loading } from '../../elements/states.tsx';
import { Ago, count } from '../../elements/values.tsx';
import { ApiError } from '../../http/api.ts';
import { fieldNames, valueText, type FieldName } from '../../products/fields.ts';
import { loadHistory, personOf, type Product, type ProductChange } from '../../products/product.ts';
import { draftOf, type Draft } from './draft.ts';

interface HistoryProps {
  readonly id: string;
  /** undefined when the product does not exist any more. */
  readonly product: Product | undefined;
  /** Puts the product of an earlier version into the form. Absent while that would lose typed changes. */
  readonly restore?: (draft: Draft) => void;
}

const verbs = { create: 'created it', update: 'changed', delete: 'deleted it' } as const;

export function History({ id, product, restore }: HistoryProps) {
  const queries = useQueryClient();
  const history = useQuery({
    queryKey: ['history', id],
    queryFn: ({ signal }) => loadHistory(id, signal),
  });
  const version = product?.version;
  useEffect(() => {
    void queries.invalidateQueries({ queryKey: ['history', id], exact: true });
  }, [queries, id, version]);
  const changes = history.data?.data ?? [];
  // Nobody has ever heard of this product.
  if (history.error instanceof ApiError && history.error.status === 404) return null;
  return (
    <section className="panel" aria-labelledby="history">
      <header>
        <h2 id="history">History</h2>
        {typeof history.data?.page.nextCursor === 'string' && <span className="fine">the newest 100</span>}
      </header>
      {history.data === undefined ? (
        history.isError ? (
          <Failed error={history.error} again={() => void history.refetch()} />
        ) : (
          <Loading />
        )
      ) : (
        <ol className="history">
          {changes.map((change, index) => (
            <li key={change.version}>
              <div className="row">
                <strong>{personOf(change.changedBy)}</strong> {verbs[change.operation]}
                <span className="fine">
                  <Ago at={change.changedAt} /> · version {count(change.version)}
                </span>
                {restore !== undefined &&
                  product !== undefined &&
                  index > 0 &&
                  change.operation !== 'delete' && (
                    <button
                      type="button"
                      className="quiet"
                      title="Puts this version into the form. Nothing is saved yet."
                      onClick={() => restore(draftOf(productAt(product, changes.slice(0, index))))}
                    >
                      Restore
                    </button>
                  )}
              </div>
              {change.operation === 'update' && <Differences change={change} currency={product?.currency} />}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function Differences({ change, currency }: { change: ProductChange; currency: string | undefined }) {
  return (
    <ul className="differences">
      {change.fields.map(({ field, old, new: now }) => (
        <li key={field}>
          {fieldNames[field as FieldName]} <del>{valueText(field, old, currency)}</del>{' '}
          <ins>{valueText(field, now, currency)}</ins>
        </li>
      ))}
    </ul>
  );
}

/** The product before these changes, which are the newest ones, the newest first. */
function productAt(product: Product, undone: readonly ProductChange[]): Product {
  const before: Record<string, unknown> = { ...product };
  for (const { fields } of undone) for (const { field, old } of fields) before[field] = old;
  return before as unknown as Product;
}
