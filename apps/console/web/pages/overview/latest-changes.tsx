import { Link } from '@tanstack/react-router';
import { Empty, Failed, Loading } from '../../elements/states.tsx';
import { useChangeDetails } from '../changes/change-details.ts';
import { tracesIn } from '../changes/change-list.ts';
import { ChangeTable } from '../changes/change-table.tsx';
import { useChangeList } from '../changes/use-change-list.ts';

const mostRows = 5;

/** The newest changes, whoever made them. */
export function LatestChanges() {
  const { rows, isLive, isPending, error, again } = useChangeList();
  const traces = tracesIn(rows).slice(0, mostRows);
  const details = useChangeDetails(traces);
  return (
    <section className="panel latest" aria-labelledby="latest">
      <header>
        <h2 id="latest">Live changes</h2>
        <div className="actions">
          <Link to="/changes">Show all</Link>
        </div>
      </header>
      {traces.length > 0 ? (
        <ChangeTable rows={traces.map((trace) => ({ trace }))} details={details} isOld={!isLive} />
      ) : isPending ? (
        <Loading rows={mostRows} />
      ) : error !== null ? (
        <Failed error={error} again={again} />
      ) : (
        <Empty title="Nothing has changed in the last 5 minutes.">
          <p>Whoever changes a product, here or in SQL: the change appears here within milliseconds.</p>
        </Empty>
      )}
    </section>
  );
}
