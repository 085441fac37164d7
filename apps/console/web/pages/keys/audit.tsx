import type { AuditResult } from '@catalog/contracts';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { say } from '../../elements/say.ts';
import { count } from '../../elements/values.tsx';
import { callApi, textOf } from '../../http/api.ts';

/** Compares one cached entry with Postgres, or all of them, and repairs what differs. */
export function AuditButton({ cacheKey }: { cacheKey: string | undefined }) {
  const queries = useQueryClient();
  const query = cacheKey === undefined ? '' : `?${new URLSearchParams({ key: cacheKey })}`;
  const audit = useMutation({
    mutationFn: async () => (await callApi<AuditResult>(`/api/audits${query}`, { method: 'POST' })).body,
    onSuccess(result) {
      const { isGood, title, detail } = outcomeOf(result, cacheKey !== undefined);
      say(title, { kind: isGood ? 'good' : 'bad', ...(detail !== undefined && { detail }) });
    },
    onError: (error) => say('The audit did not finish', { kind: 'bad', detail: textOf(error) }),
    onSettled() {
      for (const key of ['wrong entries', 'readers', 'held key'])
        void queries.invalidateQueries({ queryKey: [key] });
    },
  });
  return (
    <button type="button" disabled={audit.isPending} onClick={() => audit.mutate()}>
      {audit.isPending ? 'Auditing…' : cacheKey === undefined ? 'Audit every entry' : 'Audit now'}
    </button>
  );
}

function outcomeOf(
  { checked, wrong, undecided, repaired, nines }: AuditResult,
  isOneKey: boolean,
): { readonly isGood: boolean; readonly title: string; readonly detail?: string } {
  const all = wrong.older + wrong.newer + wrong.other;
  if (all > 0)
    return {
      isGood: false,
      title: isOneKey ? 'The entry was wrong' : `${count(all)} of ${count(checked)} entries were wrong`,
      detail: `${wrong.older} older, ${wrong.newer} newer, ${wrong.other} with other content. ${count(repaired)} repaired.`,
    };
  if (undecided > 0)
    return {
      isGood: false,
      title: isOneKey ? 'Not decided' : `${count(undecided)} entries are not decided`,
      detail: 'Changes are being applied more slowly than the audit waits. Try again when they are.',
    };
  if (checked === 0)
    return {
      isGood: true,
      title: 'Nothing to compare',
      detail: 'Redis holds no entry that a reader would serve.',
    };
  return isOneKey
    ? { isGood: true, title: 'The entry is right', detail: 'It equals what Postgres holds.' }
    : {
        isGood: true,
        title: `${count(checked)} entries checked, none wrong`,
        detail: `${nines.toFixed(1)} nines`,
      };
}
