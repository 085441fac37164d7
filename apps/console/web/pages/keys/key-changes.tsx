import { useQuery } from '@tanstack/react-query';
import { Scroll } from '../../elements/scroll.tsx';
import { Empty, Failed, Loading } from '../../elements/states.tsx';
import { Ago, Duration } from '../../elements/values.tsx';
import { tracesQuery, versionText, type Trace } from './traces.ts';

/** What happened to one key in the last minutes, each step after the commit. */
export function KeyChanges({ cacheKey }: { cacheKey: string }) {
  const { data, error, refetch } = useQuery(tracesQuery(cacheKey));
  return (
    <section className="panel" aria-labelledby="changes">
      <header>
        <h2 id="changes">Changes of the last 5 minutes</h2>
        <span className="fine">times after the commit</span>
      </header>
      {data === undefined ? (
        error === null ? (
          <Loading />
        ) : (
          <Failed error={error} again={() => void refetch()} />
        )
      ) : data.data.length === 0 ? (
        <Empty title="No change in the last 5 minutes.">
          <p>What the caches hold of this key was filled before, or nobody has read it.</p>
        </Empty>
      ) : (
        <Scroll label="Changes of this key">
          <table>
            <thead>
              <tr>
                <th>Changed</th>
                <th className="number">Version</th>
                <th className="number aside">Claimed</th>
                <th className="number">Applied</th>
                <th className="number">Refreshed</th>
                <th>Job</th>
              </tr>
            </thead>
            <tbody>
              {data.data.map((trace) => (
                <tr key={trace.seq}>
                  <td>
                    <Ago at={trace.committedAt ?? trace.changedAt} />
                  </td>
                  <td className="number">{versionText(trace.version)}</td>
                  <td className="number aside">
                    <Duration ms={after(trace, trace.claimedAt)} />
                  </td>
                  <td className="number">
                    <Duration ms={after(trace, trace.appliedAt)} />
                  </td>
                  <td className="number">
                    <Duration ms={after(trace, trace.refreshedAt)} />
                  </td>
                  <td>
                    <a href={`/api/changes/${trace.seq}/job`} className="lead" title={dispatchesText(trace)}>
                      job
                    </a>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </section>
  );
}

const after = ({ committedAt, changedAt }: Trace, at: string | null): number | null =>
  at === null ? null : Date.parse(at) - Date.parse(committedAt ?? changedAt);

const dispatchesText = ({ dispatches }: Trace): string =>
  dispatches === 1 ? 'Dispatched once' : `Dispatched ${dispatches} times; this is the last`;
