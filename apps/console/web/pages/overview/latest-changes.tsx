import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { Empty } from '../../elements/states.tsx';
import { useLive, useLiveState } from '../../http/live.ts';
import { useChangeDetails } from '../changes/change-details.ts';
import { ChangeTable } from '../changes/change-table.tsx';
import type { Trace } from '../keys/traces.ts';

const mostRows = 5;

/** The newest changes, whoever made them. */
export function LatestChanges() {
  const { isLive } = useLiveState();
  const [traces, setTraces] = useState<readonly Trace[]>([]);
  const details = useChangeDetails(traces);
  useLive('applied', (trace) => setTraces((now) => [trace, ...now].slice(0, mostRows)));
  useLive('refreshed', ({ seq, refreshedAt }) =>
    setTraces((now) => now.map((trace) => (trace.seq === seq ? { ...trace, refreshedAt } : trace))),
  );
  return (
    <section className="panel latest" aria-labelledby="latest">
      <header>
        <h2 id="latest">Live changes</h2>
        <div className="actions">
          <Link to="/changes">Show all</Link>
        </div>
      </header>
      {traces.length === 0 ? (
        <Empty title="Nothing has changed since this page was opened.">
          <p>Whoever changes a product, here or in SQL: the change appears here within milliseconds.</p>
        </Empty>
      ) : (
        <ChangeTable rows={traces.map((trace) => ({ trace }))} details={details} isOld={!isLive} />
      )}
    </section>
  );
}
