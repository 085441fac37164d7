import { useQuery } from '@tanstack/react-query';
import { Failed, Loading, PageHead } from '../../elements/states.tsx';
import { exactTime } from '../../elements/values.tsx';
import { getJson } from '../../http/api.ts';
import { causesOf } from './causes.ts';
import { ChangePathDiagram } from './change-path-diagram.tsx';
import { QueueTable } from './queue-table.tsx';
import { ServiceTable } from './service-table.tsx';
import type { SystemState } from './state.ts';
import { Trends } from './trends.tsx';
import { Verdict } from './verdict.tsx';

export function Overview() {
  const { data, error, refetch } = useQuery({
    queryKey: ['state'],
    queryFn: ({ signal }) => getJson<SystemState>('/api/state', signal),
    refetchInterval: 1_000,
  });
  if (data === undefined)
    return error === null ? <Loading rows={8} /> : <Failed error={error} again={() => void refetch()} />;
  return (
    <>
      <PageHead title="Overview" />
      <div className={error === null ? 'stack' : 'stack old'}>
        {error !== null && (
          <p className="banner warn">
            No longer live since {exactTime(new Date(data.atMs).toISOString())}: {error.message}
          </p>
        )}
        <Verdict causes={causesOf(data)} />
        <ChangePathDiagram state={data} />
        <Trends state={data} />
        <div className="two">
          <ServiceTable services={data.services} />
          <QueueTable queues={data.queues} />
        </div>
      </div>
    </>
  );
}
