import type { Order } from '@catalog/contracts';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { Ask } from '../../elements/ask.tsx';
import { Scroll } from '../../elements/scroll.tsx';
import { Empty, Failed, Loading, PageHead } from '../../elements/states.tsx';
import { say } from '../../elements/say.ts';
import { Ago, count, Id, Money, Weight } from '../../elements/values.tsx';
import { ApiError, callApi, getJson, textOf } from '../../http/api.ts';
import { useMay } from '../../http/me.ts';
import { StatusPill } from './status-pill.tsx';

const askAgain_ms = 3_000;

/** One order as it was placed: names, prices and weights are those of that moment. */
export function OrderPage() {
  const { id } = useParams({ from: '/orders/$id' });
  const mayEdit = useMay('editor');
  const { data, error, refetch } = useQuery({
    queryKey: ['order', id],
    queryFn: ({ signal }) => getJson<Order>(`/api/orders/${id}`, signal),
    // Somebody else may end it. Nothing changes an order that has ended.
    refetchInterval: ({ state }) => (state.data?.status === 'placed' ? askAgain_ms : false),
  });
  if (data === undefined) {
    if (error === null) return <Loading rows={8} />;
    // A text that is no id is the id of no order.
    if (error instanceof ApiError && (error.status === 404 || error.status === 400)) return <NoSuchOrder />;
    return <Failed error={error} again={() => void refetch()} />;
  }
  const ended = data.completedAt ?? data.cancelledAt;
  return (
    <>
      <PageHead
        title="Order"
        note={
          <>
            <StatusPill status={data.status} /> <Id value={data.id} /> · {data.customerId} · placed{' '}
            <Ago at={data.createdAt} />
            {ended !== null && (
              <>
                {' '}
                · {data.status} <Ago at={ended} />
              </>
            )}
          </>
        }
      >
        {mayEdit && data.status === 'placed' && <Actions order={data} />}
      </PageHead>
      <section className="panel" aria-label="Items">
        <Scroll label="Items of the order">
          <table className="stacked">
            <thead>
              <tr>
                <th>SKU</th>
                <th>Name</th>
                <th className="number">Pieces</th>
                <th className="number">Price</th>
                <th className="number">Sum</th>
                <th className="number">Weight</th>
              </tr>
            </thead>
            <tbody>
              {data.items.map((item, index) => (
                <tr key={`${index} ${item.productId}`}>
                  <th scope="row" className="mono sku">
                    <Link to="/products/$id" params={{ id: item.productId }} className="plain">
                      {item.sku}
                    </Link>
                  </th>
                  <td className="wide">{item.name}</td>
                  <td data-label="Pieces" className="number">
                    {count(item.quantity)}
                  </td>
                  <td data-label="Price" className="number">
                    <Money minor={item.priceMinor} currency={data.currency} />
                  </td>
                  <td data-label="Sum" className="number">
                    <Money minor={item.priceMinor * item.quantity} currency={data.currency} />
                  </td>
                  <td data-label="Weight" className="number">
                    <Weight grams={item.weightGrams === null ? null : item.weightGrams * item.quantity} />
                  </td>
                </tr>
              ))}
            </tbody>
            <tfoot>
              <tr>
                <th scope="row" colSpan={4}>
                  Total
                </th>
                <td data-label="Sum" className="number">
                  <strong>
                    <Money minor={data.totalMinor} currency={data.currency} />
                  </strong>
                </td>
                <td
                  data-label="Weight"
                  className="number"
                  title={data.totalWeightIsComplete ? undefined : 'Some items have no known weight.'}
                >
                  {data.totalWeightIsComplete ? '' : 'at least '}
                  <Weight grams={data.totalWeightGrams} />
                </td>
              </tr>
            </tfoot>
          </table>
        </Scroll>
      </section>
    </>
  );
}

function NoSuchOrder() {
  return (
    <>
      <PageHead title="No such order" />
      <section className="panel">
        <Empty title="There is no order with this id.">
          <p>
            <Link to="/orders">To all orders</Link>
          </p>
        </Empty>
      </section>
    </>
  );
}

function Actions({ order: { id } }: { order: Order }) {
  const queries = useQueryClient();
  const [isCancelling, setCancelling] = useState(false);
  const act = useMutation({
    mutationFn: (how: 'complete' | 'cancel') => callApi(`/api/orders/${id}/${how}`, { method: 'POST' }),
    onSuccess: (_, how) => say(how === 'complete' ? 'Completed' : 'Cancelled: its pieces are back in stock'),
    onError: (error, how) =>
      say(how === 'complete' ? 'Not completed' : 'Not cancelled', { kind: 'bad', detail: textOf(error) }),
    onSettled() {
      setCancelling(false);
      for (const key of ['order', 'orders', 'sales', 'stock'])
        void queries.invalidateQueries({ queryKey: [key] });
    },
  });
  return (
    <>
      <button type="button" className="danger" disabled={act.isPending} onClick={() => setCancelling(true)}>
        Cancel the order…
      </button>
      <button
        type="button"
        className="primary"
        disabled={act.isPending}
        onClick={() => act.mutate('complete')}
      >
        Complete
      </button>
      <Ask title="Cancel this order?" isOpen={isCancelling} close={() => setCancelling(false)}>
        <p>Its pieces go back to the stock. A cancelled order cannot be placed again.</p>
        <footer>
          <button type="button" onClick={() => setCancelling(false)}>
            Keep it
          </button>
          <button
            type="button"
            className="danger"
            disabled={act.isPending}
            onClick={() => act.mutate('cancel')}
          >
            Cancel the order
          </button>
        </footer>
      </Ask>
    </>
  );
}
