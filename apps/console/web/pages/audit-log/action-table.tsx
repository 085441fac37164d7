import { Link } from '@tanstack/react-router';
import { Scroll } from '../../elements/scroll.tsx';
import { Ago } from '../../elements/values.tsx';
import type { Product } from '../../products/product.ts';
import { detailText, outcomeOf, recordsText, sentenceOf, type Action } from './actions.ts';

type Names = ReadonlyMap<string, Product>;

export function ActionTable({
  actions,
  names,
  isOld,
  choose,
}: {
  actions: readonly Action[];
  names: Names;
  isOld: boolean;
  choose: (user: string) => void;
}) {
  return (
    <Scroll label="Table of actions">
      <table className={isOld ? 'actions-table old' : 'actions-table'}>
        <thead>
          <tr>
            <th>When</th>
            <th>Who</th>
            <th>What</th>
            <th className="aside">Sent</th>
            <th>Result</th>
          </tr>
        </thead>
        <tbody>
          {actions.map((action) => {
            const outcome = outcomeOf(action);
            const sent = detailText(action, names.get(action.target ?? '')?.currency);
            return (
              <tr key={action.id}>
                <td className="faint">
                  <Ago at={action.actedAt} />
                </td>
                <th scope="row">
                  <button
                    type="button"
                    className="link"
                    title={`Only what ${action.username} did`}
                    onClick={() => choose(action.username)}
                  >
                    {action.username}
                  </button>
                </th>
                <td className="wraps">
                  {sentenceOf(action)} <Target action={action} names={names} />{' '}
                  <span className="faint">{recordsText(action)}</span>
                </td>
                <td className="wide faint aside" title={sent}>
                  {sent}
                </td>
                <td>
                  <span className={`pill ${outcome.tone}`} title={`HTTP ${action.status}`}>
                    {outcome.text}
                  </span>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

function Target({ action: { action, target, detail }, names }: { action: Action; names: Names }) {
  if (target === null) return null;
  if (action === 'product.import')
    return (
      <span className="mono" title={`Import ${target}`}>
        {(detail as { file?: string } | null)?.file}
      </span>
    );
  if (action.startsWith('product.')) {
    const product = names.get(target);
    return (
      <Link to="/products/$id" params={{ id: target }} className="mono" title={product?.name ?? target}>
        {product?.sku ?? `${target.slice(0, 8)}…${target.slice(-4)}`}
      </Link>
    );
  }
  if (action.startsWith('cache.') && target.includes(':'))
    return (
      <Link to="/keys" search={{ key: target }} className="mono">
        {target}
      </Link>
    );
  return <span className="mono">{target}</span>;
}
