import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { More } from '../../elements/more.tsx';
import { Empty, Failed, Loading, PageHead } from '../../elements/states.tsx';
import { getJson } from '../../http/api.ts';
import type { Product } from '../../products/product.ts';
import { ActionTable } from './action-table.tsx';
import type { Action, ActionPage } from './actions.ts';
import { actionsAddress, auditSearch, kinds, type AuditSearch } from './search.ts';

/** Who did what in the console. */
export function AuditLog() {
  const search = useSearch({ from: '/audit-log' });
  const navigate = useNavigate();
  const choose = (change: Record<keyof AuditSearch, string> | Record<string, string>): void => {
    void navigate({ to: '/audit-log', search: auditSearch({ ...search, ...change }), replace: true });
  };
  const list = useActions(search);
  const actions = list.data?.pages.flatMap(({ data }) => data) ?? [];
  const names = useProductNames(actions);
  return (
    <>
      <PageHead title="Audit log" note="who did what in this console">
        <input
          className="narrow"
          type="search"
          aria-label="Person"
          placeholder="Person"
          maxLength={64}
          value={search.user ?? ''}
          onChange={({ target }) => choose({ user: target.value.trim().toLowerCase() })}
        />
        <select
          className="narrow"
          aria-label="Kind"
          value={search.kind ?? ''}
          onChange={({ target }) => choose({ kind: target.value })}
        >
          <option value="">everything</option>
          {Object.entries(kinds).map(([kind, name]) => (
            <option key={kind} value={kind}>
              {name}
            </option>
          ))}
        </select>
      </PageHead>
      <section className="panel" aria-label="Actions">
        {list.data === undefined ? (
          list.isError ? (
            <Failed error={list.error} again={() => void list.refetch()} />
          ) : (
            <Loading rows={12} />
          )
        ) : actions.length === 0 ? (
          <Empty title="Nobody did such a thing.">
            <p>
              Every change that a person makes in the console appears here, also if it was refused. Changes by
              SQL and by other services are in the history of the product.
            </p>
          </Empty>
        ) : (
          <ActionTable
            actions={actions}
            names={names}
            isOld={list.isPlaceholderData}
            choose={(user) => choose({ user })}
          />
        )}
      </section>
      {actions.length > 0 && <More list={list} name="Show older" />}
    </>
  );
}

function useActions(search: AuditSearch) {
  return useInfiniteQuery({
    queryKey: ['actions', search],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) => getJson<ActionPage>(actionsAddress(search, pageParam), signal),
    getNextPageParam: ({ page }) => page.nextCursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  });
}

const uuid = /^[0-9a-f-]{36}$/;
/** The most ids in one call of `GET /v1/products?ids=`. */
const mostIds = 100;

/** Names of the products in the log. A deleted product keeps its id. */
function useProductNames(actions: readonly Action[]): ReadonlyMap<string, Product> {
  const ids = [
    ...new Set(
      actions.flatMap(({ action, target }) =>
        action.startsWith('product.') && target !== null && uuid.test(target) ? [target] : [],
      ),
    ),
  ].slice(0, mostIds);
  const { data } = useQuery({
    queryKey: ['names', ids],
    queryFn: ({ signal }) =>
      getJson<{ data: readonly Product[] }>(`/api/products?ids=${ids.join(',')}`, signal),
    enabled: ids.length > 0,
    placeholderData: keepPreviousData,
  });
  return new Map(data?.data.map((product) => [product.id, product]));
}
