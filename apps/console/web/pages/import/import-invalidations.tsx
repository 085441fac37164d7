import type { TransactionChanges } from '@catalog/contracts';
import { useQuery } from '@tanstack/react-query';
import { amount, count, durationText } from '../../elements/values.tsx';
import { getJson } from '../../http/api.ts';

const ask_ms = 1_000;

/** How many changes of an import have reached the caches, and how many invalidations they became. */
export function ImportInvalidations({ transaction }: { transaction: number }) {
  const { data, error } = useQuery({
    queryKey: ['transaction', transaction],
    queryFn: () => getJson<TransactionChanges>(`/api/transactions/${transaction}/changes`),
    refetchInterval: ({ state }) => (state.data?.unapplied === 0 ? false : ask_ms),
  });
  return (
    <p className="fine counted" role="status">
      {data === undefined
        ? error === null
          ? ''
          : 'The worker does not say how far the caches are.'
        : textOf(data)}
    </p>
  );
}

function textOf({ unapplied, changes, keys, committedAt, appliedAt }: TransactionChanges): string {
  const all = changes + unapplied;
  // The worker forgets them after a few minutes.
  if (all === 0) return '';
  if (unapplied > 0) {
    const percent = Math.floor((100 * changes) / all);
    return `${count(all)} changes, ${percent} % of them have reached the caches.`;
  }
  const became = `${amount(changes, 'change', 'changes')} became ${amount(keys, 'invalidation', 'invalidations')}`;
  if (committedAt === null || appliedAt === null) return `${became}.`;
  const took_ms = Date.parse(appliedAt) - Date.parse(committedAt);
  return `${became}, the last ${durationText(took_ms)} after the commit.`;
}
