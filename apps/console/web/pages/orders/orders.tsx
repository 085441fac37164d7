import type { OrderSummary } from '@catalog/contracts';
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { More } from '../../elements/more.tsx';
import { Scroll } from '../../elements/scroll.tsx';
import { Empty, Failed, Loading, PageHead } from '../../elements/states.tsx';
import { Ago, Money } from '../../elements/values.tsx';
import { getJson } from '../../http/api.ts';
import { Sales, salesQuery } from './sales.tsx';
import { ordersAddress, ordersSearch, statuses, type OrdersSearch } from './search.ts';
import { StatusPill } from './status-pill.tsx';

interface OrderPage {
  readonly data: readonly OrderSummary[];
  readonly page: { readonly nextCursor: string | null };
}

/** Every order, the newest first, and what the completed ones brought. */
export function Orders() {
  const search = useSearch({ from: '/orders' });
  const navigate = useNavigate();
  const choose = (change: Record<string, string>): void => {
    void navigate({ to: '/orders', search: ordersSearch({ ...search, ...change }), replace: true });
  };
  const sales = useQuery(salesQuery);
  const list = useOrders(search);
  const orders = list.data?.pages.flatMap(({ data }) => data) ?? [];
  return (
    <>
      <PageHead title="Orders">
        <input
          className="narrow"
          type="search"
          aria-label="Customer"
          placeholder="Customer"
          maxLength={100}
          value={search.customerId ?? ''}
          onChange={({ target }) => choose({ customerId: target.value.trim() })}
        />
        <select
          className="narrow"
          aria-label="Status"
          value={search.status ?? ''}
          onChange={({ target }) => choose({ status: target.value })}
        >
          <option value="">every status</option>
          {statuses.map((status) => (
            <option key={status} value={status}>
              {status}
            </option>
          ))}
        </select>
      </PageHead>
      {/* Both parts appear at once, so that none moves the other. */}
      {sales.isPending || list.isPending ? (
        <Loading rows={12} />
      ) : (
        <div className="stack">
          <Sales />
          <section className="panel" aria-label="Orders">
            {list.data === undefined ? (
              <Failed error={list.error} again={() => void list.refetch()} />
            ) : orders.length === 0 ? (
              <Nothing search={search} />
            ) : (
              <OrderTable orders={orders} isOld={list.isPlaceholderData} />
            )}
          </section>
          {orders.length > 0 && <More list={list} name="Show older" />}
        </div>
      )}
    </>
  );
}

function OrderTable({ orders, isOld }: { orders: readonly OrderSummary[]; isOld: boolean }) {
  return (
    <Scroll label="Table of orders">
      <table className={isOld ? 'old' : undefined}>
        <thead>
          <tr>
            <th>Order</th>
            <th className="aside">Customer</th>
            <th>Status</th>
            <th className="number">Total</th>
            <th className="number aside">Placed</th>
          </tr>
        </thead>
        <tbody>
          {orders.map(({ id, customerId, status, totalMinor, currency, createdAt }) => (
            <tr key={id}>
              <th scope="row">
                <Link to="/orders/$id" params={{ id }} className="mono plain" title={id}>
                  {`${id.slice(0, 8)}…${id.slice(-4)}`}
                </Link>
                <span className="below faint">{customerId}</span>
              </th>
              <td className="wide aside">{customerId}</td>
              <td>
                <StatusPill status={status} />
              </td>
              <td className="number">
                <Money minor={totalMinor} currency={currency} />
                <span className="below faint">
                  <Ago at={createdAt} />
                </span>
              </td>
              <td className="number faint aside">
                <Ago at={createdAt} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function useOrders(search: OrdersSearch) {
  return useInfiniteQuery({
    queryKey: ['orders', search],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) => getJson<OrderPage>(ordersAddress(search, pageParam), signal),
    getNextPageParam: ({ page }) => page.nextCursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: 15_000,
  });
}

function Nothing({ search }: { search: OrdersSearch }) {
  if (Object.keys(search).length > 0)
    return (
      <Empty title="No order matches.">
        <p>
          <Link to="/orders" search={{}}>
            Show all orders
          </Link>
        </p>
      </Empty>
    );
  return (
    <Empty title="Nobody has ordered yet.">
      <p>
        Services place orders with POST /v1/orders. An order takes pieces from the stock, so receive some on
        the page of a product first.
      </p>
    </Empty>
  );
}
