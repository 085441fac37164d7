import { Failed, Loading, PageHead } from '../../elements/states.tsx';
import { exactTime } from '../../elements/values.tsx';
import { ChangePathDiagram } from './change-path-diagram.tsx';
import { LatestChanges } from './latest-changes.tsx';
import { QueueTable } from './queue-table.tsx';
import { ServiceTable } from './service-table.tsx';
import { Trends } from './trends.tsx';
import { useBrokenParts } from './use-broken-parts.ts';
import { useSystem } from './use-system.ts';
import { Verdict } from './verdict.tsx';

export function Overview() {
  const { state, causes, error, refetch } = useSystem();
  const broken = useBrokenParts();
  return (
    <>
      <PageHead title="Overview" />
      {state === undefined ? (
        error === null ? (
          <Loading rows={8} />
        ) : (
          <Failed error={error} again={refetch} />
        )
      ) : (
        <div className={error === null ? 'stack' : 'stack old'}>
          {error !== null && (
            <p className="banner warn">
              No longer live since {exactTime(new Date(state.atMs).toISOString())}: {error.message}
            </p>
          )}
          <Verdict causes={[...causes, ...broken]} />
          <ChangePathDiagram state={state} />
          <Trends />
          <LatestChanges />
          <div className="two">
            <ServiceTable services={state.services} />
            <QueueTable queues={state.queues} />
          </div>
        </div>
      )}
    </>
  );
}
