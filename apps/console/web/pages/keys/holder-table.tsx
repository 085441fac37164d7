import { Scroll } from '../../elements/scroll.tsx';
import { Duration } from '../../elements/values.tsx';
import type { Holder, HolderRow } from './readers.ts';
import { versionText } from './traces.ts';

/** A key as Postgres, Redis and every near cache hold it. Green when they agree. */
export function HolderTable({ rows, version }: { rows: readonly HolderRow[]; version?: number }) {
  const truth = rows[0]?.holder;
  if (truth === undefined) return null;
  return (
    <div className="stack">
      <Verdict rows={rows} truth={truth} version={version} />
      <Scroll label="What each cache holds">
        <table className="holders">
          <thead>
            <tr>
              <th>Held by</th>
              <th>State</th>
              <th className="number">Version</th>
              <th>Content</th>
              <th className="number">Age</th>
              <th className="number aside">TTL</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, title, holder }) => (
              <tr key={name}>
                <th scope="row" title={title}>
                  {name}
                </th>
                <td title={holder.reason}>
                  {holder.state} {holder.isLeased === true && <span className="pill">leased</span>}
                </td>
                <td className="number">{holder.version ? versionText(holder.version) : '–'}</td>
                <td>{contentText(truth, holder)}</td>
                <td className="number">
                  <Duration ms={holder.ageMs} />
                </td>
                <td className="number aside">
                  <Duration ms={holder.ttlMs} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </div>
  );
}

function Verdict({
  rows,
  truth,
  version,
}: {
  rows: readonly HolderRow[];
  truth: Holder;
  version: number | undefined;
}) {
  if (isAwaited(truth)) return <p className="banner">Comparing what each cache holds…</p>;
  if (truth.state === 'unreachable')
    return <p className="banner warn">Postgres cannot be read, so nothing can be compared with it.</p>;
  const agree = rows.every(({ holder }) => holder.equal !== false && agrees(truth, holder));
  const at =
    version === undefined || truth.version === version
      ? ''
      : `, at version ${versionText(truth.version ?? 0)}`;
  return (
    <p className={agree ? 'banner good' : 'banner warn'} role="status">
      <span className={`dot ${agree ? 'good' : 'warn'}`} />
      {agree
        ? `All agree${at}.`
        : 'Not all agree. A change may be on its way: look at the changes of the key.'}
    </p>
  );
}

const isAwaited = ({ state }: Holder): boolean => state === '…';
const isHeld = ({ state }: Holder): boolean => state === 'value' || state === 'missing';
const agrees = (truth: Holder, holder: Holder): boolean =>
  !isHeld(holder) || (isSameVersion(truth, holder) && holder.state === truth.state);
/** Where an entity has no versions, only the content counts. */
const isSameVersion = (truth: Holder, holder: Holder): boolean =>
  truth.version === undefined || truth.version === holder.version;

function contentText(truth: Holder, holder: Holder) {
  if (isAwaited(holder)) return '…';
  if (holder === truth) return <span className="faint">the truth</span>;
  // Its state says why.
  if (!isHeld(holder)) return <span className="faint">–</span>;
  if (!isSameVersion(truth, holder)) return <span className="warn-text">another version</span>;
  if (holder.equal === false) return <span className="bad-text">✕ differs</span>;
  if (holder.equal === true) return <span className="good-text">✓ equal</span>;
  return <span className="faint">not compared</span>;
}
