import { Scroll } from '../../elements/scroll.tsx';
import { versionText } from './traces.ts';
import type { Holder, ReaderView } from './readers.ts';

/** A product, or the settings, as Postgres, Redis and every near cache hold it. Green when they agree. */
export function HolderTable({ views, version }: { views: readonly ReaderView[]; version?: number }) {
  const first = views[0]?.view;
  if (first === undefined) return null;
  const truth = first.postgres;
  const rows = [
    { name: 'Postgres', title: '', holder: truth },
    { name: 'Redis', title: '', holder: first.redis },
    ...views.map(({ instance, view }, index) => ({
      name: `near cache ${index + 1}`,
      title: instance,
      holder: view.near,
    })),
  ];
  const agree = rows.every(({ holder }) => holder.equal !== false && agrees(truth, holder));
  return (
    <div className="stack">
      <p className={agree ? 'banner good' : 'banner warn'} role="status">
        <span className={`dot ${agree ? 'good' : 'warn'}`} />
        {agree
          ? `All agree${version === undefined || truth.version === version ? '' : `, at version ${versionText(truth.version ?? 0)}`}.`
          : 'Not all agree. A change may be on its way: look at the changes of the key.'}
      </p>
      <Scroll label="What each cache holds">
        <table>
          <thead>
            <tr>
              <th>Held by</th>
              <th>State</th>
              <th className="number">Version</th>
              <th className="number">Age</th>
              <th className="number">TTL</th>
              <th>Content</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, title, holder }) => (
              <tr key={name}>
                <th scope="row" title={title}>
                  {name}
                </th>
                <td title={holder.reason}>
                  {holder.state}
                  {holder.isLeased === true && <span className="pill">leased</span>}
                </td>
                <td className="number">{holder.version === undefined ? '–' : versionText(holder.version)}</td>
                <td className="number">{duration(holder.ageMs)}</td>
                <td className="number">{duration(holder.ttlMs)}</td>
                <td>{contentText(truth, holder)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </div>
  );
}

const isHeld = ({ state }: Holder): boolean => state === 'value' || state === 'missing';
const agrees = (truth: Holder, holder: Holder): boolean =>
  !isHeld(holder) || (holder.version === truth.version && holder.state === truth.state);

function contentText(truth: Holder, holder: Holder) {
  if (holder === truth) return <span className="faint">the truth</span>;
  if (!isHeld(holder)) return <span className="faint">nothing held</span>;
  if (holder.version !== truth.version) return <span className="warn-text">another version</span>;
  if (holder.equal === false) return <span className="bad-text">✕ differs</span>;
  if (holder.equal === true) return <span className="good-text">✓ equal</span>;
  return <span className="faint">not compared</span>;
}

const duration = (duration_ms: number | undefined): string => {
  if (duration_ms === undefined) return '–';
  if (duration_ms < 1_000) return `${Math.round(duration_ms)} ms`;
  if (duration_ms < 120_000) return `${(duration_ms / 1_000).toFixed(1)} s`;
  if (duration_ms < 7_200_000) return `${Math.round(duration_ms / 60_000)} min`;
  return `${Math.round(duration_ms / 3_600_000)} h`;
};
