import type { LastChange } from '@catalog/contracts';
import { Link } from '@tanstack/react-router';
import { Scroll } from '../../elements/scroll.tsx';
import { clockText, Duration, exactTime } from '../../elements/values.tsx';
import { productIdIn } from '../../http/live.ts';
import { fieldNames, valueText } from '../../products/fields.ts';
import { personOf, shortPersonOf } from '../../products/product.ts';
import { versionText, type Trace } from '../keys/traces.ts';
import type { Details } from './change-details.ts';
import type { ChangeRow } from './change-list.ts';

export function ChangeTable({
  rows,
  details,
  isOld,
}: {
  rows: readonly ChangeRow[];
  details: Details;
  /** True while nothing new arrives. */
  isOld: boolean;
}) {
  return (
    <Scroll label="Table of changes" className={isOld ? 'old' : ''}>
      <table className="changes">
        <thead>
          <tr>
            <th className="change-time">Applied</th>
            <th>What</th>
            <th className="author">By</th>
            <th className="number change-took" title="From the commit until the cache had heard of it">
              After commit
            </th>
            <th
              className="number change-took"
              title="From the commit until the worker had filled the key again"
            >
              Refreshed
            </th>
            <th className="change-links">Lead to</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) =>
            'trace' in row ? (
              <Row key={row.trace.seq} trace={row.trace} change={details(row.trace)} />
            ) : (
              <tr key={row.at}>
                <td />
                <td className="faint" colSpan={5}>
                  {row.note}
                </td>
              </tr>
            ),
          )}
        </tbody>
      </table>
    </Scroll>
  );
}

function Row({ trace, change }: { trace: Trace; change: LastChange | undefined }) {
  const { key, seq, appliedAt, version } = trace;
  const commit = Date.parse(trace.committedAt ?? trace.changedAt);
  const after = (at: string | null): number | null => (at === null ? null : Date.parse(at) - commit);
  return (
    <tr>
      <td className="faint" title={appliedAt === null ? undefined : exactTime(appliedAt)}>
        {appliedAt === null ? '–' : clockText(appliedAt)}
      </td>
      <td className="cut" title={`${key}, version ${versionText(version)}`}>
        <What trace={trace} change={change} />
      </td>
      <td className="author faint" title={change && personOf(change.changedBy)}>
        {change === undefined ? '–' : shortPersonOf(change.changedBy)}
      </td>
      <td className="number">
        <Duration ms={after(appliedAt)} />
      </td>
      <td className="number change-refreshed">
        <Duration ms={after(trace.refreshedAt)} />
      </td>
      <td>
        <Link to="/keys" search={{ key }} className="lead" aria-label={`Key of ${change?.sku ?? key}`}>
          key
        </Link>{' '}
        {/* The server looks for the job, and leads to the dashboard. */}
        <a href={`/api/changes/${seq}/job`} className="lead" aria-label={`Job of ${change?.sku ?? key}`}>
          job
        </a>
      </td>
    </tr>
  );
}

function What({ trace: { entity, key }, change }: { trace: Trace; change: LastChange | undefined }) {
  if (entity !== 'product') return <span className="mono">{key}</span>;
  return (
    <>
      <Link to="/products/$id" params={{ id: productIdIn(key) }} className="mono plain">
        {change?.sku ?? key}
      </Link>
      {/* A space without a text behind it would count as moved when that comes. */}
      {change !== undefined && (
        <>
          {' '}
          <Fields change={change} />
        </>
      )}
    </>
  );
}

function Fields({ change: { operation, name, currency, fields } }: { change: LastChange }) {
  if (operation === 'create') return <span>created: {name}</span>;
  return fields.map((one) => (
    <span key={one.field} className="changed-field">
      {fieldNames[one.field].toLowerCase()}{' '}
      {'old' in one && 'new' in one ? (
        <>
          <del>{valueText(one.field, one.old, currency)}</del>{' '}
          <ins>{valueText(one.field, one.new, currency)}</ins>
        </>
      ) : (
        <span className="faint">(a long text)</span>
      )}
    </span>
  ));
}
