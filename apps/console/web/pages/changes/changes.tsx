import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { Empty, PageHead } from '../../elements/states.tsx';
import { exactTime } from '../../elements/values.tsx';
import { productIdIn, useLive, useLiveState } from '../../http/live.ts';
import { versionText, type Trace } from '../keys/traces.ts';

/** More rows nobody reads. */
const mostRows = 500;

type Row = { readonly trace: Trace } | { readonly note: string; readonly at: number };

/** Every change as it is applied, whoever made it. */
export function Changes() {
  const { isLive, since } = useLiveState();
  const [rows, setRows] = useState<readonly Row[]>([]);
  const [held, setHeld] = useState<readonly Row[]>();
  const [filter, setFilter] = useState('');
  const add = (row: Row): void => {
    const into = held === undefined ? setRows : setHeld;
    into((now: readonly Row[] | undefined) => [row, ...(now ?? [])].slice(0, mostRows));
  };
  useLive('applied', (trace) => add({ trace }));
  useLive('refreshed', ({ seq, refreshedAt }) => {
    const mark = (now: readonly Row[]): readonly Row[] =>
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
  const wanted = filter.trim().toLowerCase();
  const shown = rows.filter((row) => !('trace' in row) || row.trace.key.toLowerCase().includes(wanted));
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
          className="narrow"
          type="search"
          aria-label="Filter by key"
          placeholder="Filter by key"
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
          <div className={isLive ? 'scroll' : 'scroll old'}>
            <table>
              <thead>
                <tr>
                  <th>Applied</th>
                  <th>Key</th>
                  <th className="number">Version</th>
                  <th className="number">Commit → applied</th>
                  <th className="number">→ refreshed</th>
                </tr>
              </thead>
              <tbody>
                {shown.map((row) =>
                  'trace' in row ? (
                    <ChangeRow key={row.trace.seq} trace={row.trace} />
                  ) : (
                    <tr key={row.at}>
                      <td />
                      <td className="faint" colSpan={4}>
                        {row.note}
                      </td>
                    </tr>
                  ),
                )}
              </tbody>
            </table>
          </div>
        )}
      </section>
    </>
  );
}

function ChangeRow({ trace }: { trace: Trace }) {
  const { key } = trace;
  const commit = Date.parse(trace.committedAt ?? trace.changedAt);
  const after = (at: string | null): string => (at === null ? '–' : `${Date.parse(at) - commit} ms`);
  return (
    <tr>
      <td title={trace.appliedAt === null ? undefined : exactTime(trace.appliedAt)}>
        {trace.appliedAt === null ? '–' : new Date(trace.appliedAt).toLocaleTimeString('en-GB')}
      </td>
      <td className="wide mono">
        {trace.entity === 'product' ? (
          <Link to="/products/$id" params={{ id: productIdIn(key) }}>
            {key}
          </Link>
        ) : (
          key
        )}{' '}
        <Link to="/keys" search={{ key }} className="fine">
          trace
        </Link>
      </td>
      <td className="number">{versionText(trace.version)}</td>
      <td className="number">{after(trace.appliedAt)}</td>
      <td className="number">{after(trace.refreshedAt)}</td>
    </tr>
  );
}
