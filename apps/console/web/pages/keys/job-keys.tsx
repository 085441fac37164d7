import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Scroll } from '../../elements/scroll.tsx';
import { Empty, Failed, Loading } from '../../elements/states.tsx';
import { ApiError, getJson } from '../../http/api.ts';
import { versionText } from './traces.ts';

interface Job {
  readonly name: string;
  readonly state: string;
  readonly failedReason: string | null;
  readonly data: readonly { readonly key: string; readonly seq?: number; readonly version: number | null }[];
}

/** The keys of one job, as the dashboard leads to them. `job` is the queue and the id: `refresh/17`. */
export function JobKeys({ job }: { job: string }) {
  const { data, error, refetch } = useQuery({
    queryKey: ['keys of job', job],
    queryFn: ({ signal }) => {
      const [queue = '', id = ''] = job.split('/');
      return getJson<Job>(`/api/jobs/${encodeURIComponent(queue)}/${encodeURIComponent(id)}/keys`, signal);
    },
  });
  return (
    <section className="panel" aria-labelledby="job">
      <header>
        <h2 id="job">Keys of the job {job}</h2>
        {data !== undefined && (
          <span className={`pill ${data.state === 'failed' ? 'bad' : ''}`}>{data.state}</span>
        )}
        <div className="actions">
          <a href={`/queues/queue/${job}`}>Show the job</a>
        </div>
      </header>
      {data === undefined ? (
        error === null ? (
          <Loading />
        ) : error instanceof ApiError && error.status === 404 ? (
          <Empty title="This job is gone.">
            <p>{error.message}</p>
          </Empty>
        ) : (
          <Failed error={error} again={() => void refetch()} />
        )
      ) : (
        <>
          {data.failedReason !== null && (
            <p className="banner bad">
              It failed: {data.failedReason}. The outbox dispatches its changes again, in another job.
            </p>
          )}
          <Scroll label="Keys of the job">
            <table className="stacked">
              <thead>
                <tr>
                  <th>Key</th>
                  <th className="number">Version</th>
                </tr>
              </thead>
              <tbody>
                {data.data.map(({ key, seq, version }) => (
                  <tr key={`${key} ${seq ?? ''}`}>
                    <th scope="row">
                      <Link to="/keys" search={{ key }} className="mono">
                        {key}
                      </Link>
                    </th>
                    <td className="number" data-label="Version">
                      {versionText(version)}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        </>
      )}
    </section>
  );
}
