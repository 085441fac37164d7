import { SETTINGS, SETTINGS_KEY } from '@catalog/contracts';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Scroll } from '../../elements/scroll.tsx';
import { Empty, Failed, Loading } from '../../elements/states.tsx';
import { Ago } from '../../elements/values.tsx';
import { HolderTable } from './holder-table.tsx';
import { readersQuery } from './readers.ts';
import { tracesQuery, versionText, type Trace } from './traces.ts';

const settingsKey = SETTINGS.cacheKey(SETTINGS_KEY);

/** What one key holds where, and what happened to it in the last minutes. */
export function KeyView({ cacheKey }: { cacheKey: string }) {
  const productId = /^product:(.+)$/.exec(cacheKey)?.[1];
  return (
    <>
      {productId !== undefined && (
        <Holders at={`/api/products/${productId}`}>
          <Link to="/products/$id" params={{ id: productId }}>
            To the product
          </Link>
        </Holders>
      )}
      {cacheKey === settingsKey && (
        <Holders at="/api/settings">
          <Link to="/settings">To the settings</Link>
        </Holders>
      )}
      <RecentChanges cacheKey={cacheKey} />
    </>
  );
}

function Holders({ at, children }: { at: string; children: ReactNode }) {
  const { data, error, refetch } = useQuery(readersQuery(at));
  return (
    <section className="panel" aria-labelledby="held">
      <header>
        <h2 id="held">Where it is held</h2>
        <div className="actions">{children}</div>
      </header>
      <div className="panel-body">
        {data === undefined ? (
          error === null ? (
            <Loading />
          ) : (
            <Failed error={error} again={() => void refetch()} />
          )
        ) : (
          <HolderTable views={data.data} />
        )}
      </div>
    </section>
  );
}

function RecentChanges({ cacheKey }: { cacheKey: string }) {
  const { data, error, refetch } = useQuery(tracesQuery(cacheKey));
  return (
    <section className="panel" aria-labelledby="changes">
      <header>
        <h2 id="changes">Changes of the last 5 minutes</h2>
      </header>
      {data === undefined ? (
        error === null ? (
          <Loading />
        ) : (
          <Failed error={error} again={() => void refetch()} />
        )
      ) : data.data.length === 0 ? (
        <Empty title="No change in the last 5 minutes.">
          <p>What the cache holds of this key was filled before, or nobody has read it.</p>
        </Empty>
      ) : (
        <Scroll label="Changes of this key">
          <table>
            <thead>
              <tr>
                <th>Changed</th>
                <th className="number">Version</th>
                <th className="number">Claimed after</th>
                <th className="number">Applied after</th>
                <th className="number">Refreshed after</th>
                <th className="number">Dispatches</th>
              </tr>
            </thead>
            <tbody>
              {data.data.map((trace) => (
                <tr key={trace.seq}>
                  <td>
                    <Ago at={trace.committedAt ?? trace.changedAt} />
                  </td>
                  <td className="number">{versionText(trace.version)}</td>
                  <td className="number">{after(trace, trace.claimedAt)}</td>
                  <td className="number">{after(trace, trace.appliedAt)}</td>
                  <td className="number">{after(trace, trace.refreshedAt)}</td>
                  <td className="number">{trace.dispatches}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </section>
  );
}

function after({ committedAt, changedAt }: Trace, at: string | null): string {
  if (at === null) return '–';
  return `${Date.parse(at) - Date.parse(committedAt ?? changedAt)} ms`;
}
