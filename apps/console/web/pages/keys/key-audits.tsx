import { useQuery } from '@tanstack/react-query';
import { Failed, Loading } from '../../elements/states.tsx';
import { exactTime } from '../../elements/values.tsx';
import { useMay } from '../../http/me.ts';
import { AuditButton } from './audit.tsx';
import { wrongEntriesQuery } from './wrong-entries.ts';
import { WrongEntryTable } from './wrong-entry-table.tsx';

/** What the auditor found wrong: with one key, or with all. */
export function KeyAudits({ cacheKey }: { cacheKey?: string }) {
  const isAdmin = useMay('admin');
  const { data, error, refetch } = useQuery(wrongEntriesQuery(cacheKey));
  return (
    <section className="panel" aria-labelledby="audits">
      <header>
        <h2 id="audits">{cacheKey === undefined ? 'Wrong entries' : 'Audits'}</h2>
        {isAdmin && (
          <div className="actions">
            <AuditButton cacheKey={cacheKey} />
          </div>
        )}
      </header>
      {data === undefined ? (
        error === null ? (
          <Loading rows={2} />
        ) : (
          <Failed error={error} again={() => void refetch()} />
        )
      ) : data.data.length === 0 ? (
        <p className="panel-body faint">
          The auditor has found nothing wrong{cacheKey === undefined ? '' : ' with this key'} since the worker
          was started, {exactTime(data.startedAt)}. It compares every cached entry with Postgres, again and
          again.
        </p>
      ) : (
        <WrongEntryTable entries={data.data} isOfOneKey={cacheKey !== undefined} />
      )}
    </section>
  );
}
