import { useMutation } from '@tanstack/react-query';
import { count } from '../../elements/values.tsx';
import { callApi, textOf } from '../../http/api.ts';

interface AuditResult {
  readonly checked: number;
  readonly right: number;
  readonly wrong: { readonly older: number; readonly newer: number; readonly other: number };
  readonly undecided: number;
  readonly repaired: number;
  readonly nines: number;
}

/** Compares every cached entry with Postgres, and repairs what differs. */
export function Audit() {
  const audit = useMutation({
    mutationFn: async () => (await callApi<AuditResult>('/api/audits', { method: 'POST' })).body,
  });
  return (
    <>
      <button type="button" disabled={audit.isPending} onClick={() => audit.mutate()}>
        {audit.isPending ? 'Auditing…' : 'Audit every entry'}
      </button>
      <span role="status">
        {audit.isError && <span className="bad-text">The audit did not finish: {textOf(audit.error)}</span>}
        {audit.data !== undefined && <Outcome result={audit.data} />}
      </span>
    </>
  );
}

function Outcome({ result: { checked, wrong, undecided, repaired, nines } }: { result: AuditResult }) {
  const all = wrong.older + wrong.newer + wrong.other;
  if (all === 0)
    return (
      <span className="good-text">
        {count(checked)} entries checked, none wrong{undecided > 0 ? `, ${count(undecided)} undecided` : ''} (
        {nines.toFixed(1)} nines).
      </span>
    );
  return (
    <span className="bad-text">
      {count(all)} of {count(checked)} entries were wrong: {wrong.older} older, {wrong.newer} newer,{' '}
      {wrong.other} with other content. {count(repaired)} repaired.
    </span>
  );
}
