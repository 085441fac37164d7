import type { ImportResult } from '@catalog/contracts';
import { count } from '../../elements/values.tsx';

/** How far an import is. The check before it has counted the records, so the page can tell the remaining time. */
export function ImportProgress({
  known,
  total,
  isDryRun,
  began_ms,
  cancel,
}: {
  known: ImportResult | undefined;
  total: number | undefined;
  isDryRun: boolean;
  began_ms: number;
  cancel: () => void;
}) {
  const received = known?.received ?? 0;
  const elapsed_s = (performance.now() - began_ms) / 1_000;
  const rate = received / Math.max(elapsed_s, 0.1);
  const isRead = total !== undefined && received >= total;
  const left_s = total === undefined || rate === 0 ? undefined : Math.ceil((total - received) / rate);
  return (
    <section className="panel panel-body stack" aria-label="Progress" aria-live="polite">
      <div className="row">
        <strong>{isDryRun ? 'Checking' : 'Importing'}</strong>
        <span>
          {count(received)}
          {total === undefined ? '' : ` of ${count(total)}`} records read
          {isRead
            ? ', being applied'
            : received > 0 && `, ${count(Math.round(rate))} a second${untilReadText(left_s)}`}
        </span>
        {known !== undefined && known.failed > 0 && (
          <span className="bad-text">{count(known.failed)} wrong</span>
        )}
        <button type="button" onClick={cancel}>
          Cancel
        </button>
      </div>
      {total === undefined ? (
        <progress aria-label="Records" />
      ) : (
        <progress aria-label="Records" max={total} value={Math.min(received, total)} />
      )}
    </section>
  );
}

/** Only the reading can be told ahead: how long Postgres takes to apply the records depends on what they change. */
const untilReadText = (left_s: number | undefined): string =>
  left_s === undefined || left_s <= 0 ? '' : `, about ${left_s} s until all are read`;
