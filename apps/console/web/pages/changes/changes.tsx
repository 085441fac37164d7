import { useState } from 'react';
import { Empty, Failed, Loading, PageHead } from '../../elements/states.tsx';
import { exactTime } from '../../elements/values.tsx';
import { useLiveState } from '../../http/live.ts';
import { personOf } from '../../products/product.ts';
import { useChangeDetails, type Details } from './change-details.ts';
import { tracesIn, type ChangeRow } from './change-list.ts';
import { ChangeTable } from './change-table.tsx';
import { useChangeList } from './use-change-list.ts';

/** Every change as it is applied, whoever made it. */
export function Changes() {
  const { isLive, since } = useLiveState();
  const list = useChangeList();
  const { rows, held } = list;
  const [filter, setFilter] = useState('');
  const details = useChangeDetails(tracesIn(rows));
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
        <button type="button" onClick={list.pauseOrGoOn}>
          {held === undefined ? 'Pause' : `Go on (${held.length} waiting)`}
        </button>
      </PageHead>
      <section className="panel" aria-label="Changes">
        {shown.length > 0 ? (
          <>
            <ChangeTable rows={shown} details={details} isOld={!isLive} />
            <p className="fine table-end">Older changes of a product are in its history.</p>
          </>
        ) : rows.length > 0 ? (
          <Empty title="No change matches.">
            <p>Changes of the last minutes and those that follow are searched by key, SKU and person.</p>
          </Empty>
        ) : list.isPending ? (
          <Loading rows={8} />
        ) : list.error !== null ? (
          <Failed error={list.error} again={list.again} />
        ) : (
          <Empty title="Nothing has changed in the last 5 minutes.">
            <p>
              Edit a product in another window, or in SQL: each change appears here as it is applied to the
              cache.
            </p>
          </Empty>
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
