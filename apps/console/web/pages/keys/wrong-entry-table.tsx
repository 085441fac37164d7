import type { WrongEntry } from '@catalog/contracts';
import { Link } from '@tanstack/react-router';
import { Scroll } from '../../elements/scroll.tsx';
import { Ago } from '../../elements/values.tsx';
import { fieldNames, type FieldName } from '../../products/fields.ts';
import { versionText } from './traces.ts';

/** Which entries were wrong, in what, and since when. */
export function WrongEntryTable({
  entries,
  isOfOneKey,
}: {
  entries: readonly WrongEntry[];
  isOfOneKey: boolean;
}) {
  return (
    <Scroll label="Wrong entries">
      <table className="stacked">
        <thead>
          <tr>
            <th>Found</th>
            {!isOfOneKey && <th>Key</th>}
            <th>What was wrong</th>
            <th title="It may have been wrong for longer.">Wrong since</th>
            <th>Now</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr key={`${entry.key} ${entry.foundAt}`}>
              <td className="faint" data-label="Found">
                <Ago at={entry.foundAt} />
              </td>
              {!isOfOneKey && (
                <th scope="row">
                  <Link to="/keys" search={{ key: entry.key }} className="mono">
                    {entry.key}
                  </Link>
                </th>
              )}
              <td
                data-label="What was wrong"
                title={entry.members.length === 0 ? undefined : `Different in ${membersText(entry.members)}`}
              >
                <span>
                  {whatText(entry)}
                  {entry.members.length > 0 && (
                    <span className="faint"> in {membersText(entry.members.slice(0, 3))}</span>
                  )}
                </span>
              </td>
              <td className="faint" data-label="Wrong since">
                <Ago at={entry.wrongSince} />
              </td>
              <td data-label="Now">
                <span className={`pill ${entry.isRepaired ? 'good' : 'bad'}`}>
                  {entry.isRepaired ? 'repaired' : 'not repaired'}
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** Of products by the names of the form, of other entities as the services name them. */
const membersText = (members: readonly string[]): string =>
  members.map((member) => fieldNames[member as FieldName]?.toLowerCase() ?? member).join(', ');

function whatText({ difference, cachedVersion, version }: WrongEntry): string {
  if (difference === 'other') return 'other content';
  const words = difference === 'older' ? 'instead of' : 'although Postgres has';
  return `version ${versionText(cachedVersion)} ${words} ${versionText(version)}`;
}
