import { useState } from 'react';
import { Empty, PageHead } from '../../elements/states.tsx';
import { exactTime } from '../../elements/values.tsx';
import { useLive, useLiveState } from '../../http/live.ts';
import { personOf } from '../../products/product.ts';
import { useChangeDetails, type Details } from './change-details.ts';
import { ChangeTable, type ChangeRow } from './change-table.tsx';

/** More rows nobody reads. */
const mostRows = 500;

/** Every change as it is applied, whoever made it. */
export function Changes() {
  const { isLive, since } = useLiveState();
  const [rows, setRows] = useState<readonly ChangeRow[]>([]);
  const [held, setHeld] = useState<readonly ChangeRow[]>();
  const [filter, setFilter] = useState('');
  const details = useChangeDetails(rows.flatMap((row) => ('trace' in row ? [row.trace] : [])));
  const add = (row: ChangeRow): void => {
    const into = held === undefined ? setRows : setHeld;
    into((now: readonly ChangeRow[] | undefined) => [row, ...(now ?? [])].slice(0, mostRows));
  };
  useLive('applied', (trace) => add({ trace }));
  useLive('refreshed', ({ seq, refreshedAt }) => {
    const mark = (now: readonly ChangeRow[]): readonly ChangeRow[] =>
      now.map((row) =>
        'trace' in row && row.trace.seq === seq ? { trace: { ...row.trace, refreshedAt } } : row,
      );
    setRows(mark);
    setHeld((now) => now && mark(now));
  });
  useLive('more', ({ count }) =>
    add({ note: `${count} more were applied at the same time`, at: performance.now() }),
  );
  useLive('missed', ({ count }) =>
    add({ note: `${count} were not shown, because they came too fast`, at: performance.now() }),
  );
  const shown = rows.filter((row) => matches(row, filter.trim().toLowerCase(), details));
  return (
    <>
      <PageHead
        title="Changes"
        note={
          <span className={`pill ${isLive ? 'good' : 'warn'}`} role="status">
            <span className={`dot ${isLive ? 'good' : 'warn'}`} />
            {isLive ? 'live' : since === undefined ? 'connecting' : `not live since ${exactTime(since)}`}
          </span>
        }
      >
        <input
          className="filter"
          type="search"
          aria-label="Filter the changes"
          placeholder="Filter by key, SKU or person"
          value={filter}
          onChange={({ target }) => setFilter(target.value)}
        />
        <button
          type="button"
          onClick={() => {
            if (held !== undefined) setRows([...held, ...rows].slice(0, mostRows));
            setHeld(held === undefined ? [] : undefined);
          }}
        >
          {held === undefined ? 'Pause' : `Go on (${held.length} waiting)`}
        </button>
      </PageHead>
      <section className="panel" aria-label="Changes">
        {shown.length === 0 ? (
          <Empty
            title={
              rows.length === 0 ? 'Nothing has changed since this page was opened.' : 'No change matches.'
            }
          >
            <p>
              Edit a product in another window, or in SQL: each change appears here as it is applied to the
              cache.
            </p>
          </Empty>
        ) : (
          <ChangeTable rows={shown} details={details} isOld={!isLive} />
        )}
      </section>
    </>
  );
}

function matches(row: ChangeRow, wanted: string, details: Details): boolean {
  if (!('trace' in row)) return true;
  const change = details(row.trace);
  return [row.trace.key, change?.sku, change?.name, change && personOf(change.changedBy)].some(
    (text) => text?.toLowerCase().includes(wanted) === true,
  );
}
