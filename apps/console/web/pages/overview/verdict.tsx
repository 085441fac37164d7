import { useMutation, useQueryClient } from '@tanstack/react-query';
import { say } from '../../elements/say.ts';
import { callApi, textOf } from '../../http/api.ts';
import { useMay } from '../../http/me.ts';
import type { Action, Cause } from './causes.ts';
import { retryAll } from './retry-all.ts';

/** The worst cause as one sentence with its action, and below it all others. */
export function Verdict({ causes }: { causes: readonly Cause[] }) {
  const [worst, ...others] = causes;
  if (worst === undefined) return null;
  return (
    <div className={`verdict ${worst.tone}`} role="status" data-cause={worst.cause}>
      <p>
        <span className={`dot ${worst.tone}`} /> {worst.text}
      </p>
      {worst.action !== undefined && <ActionButton action={worst.action} />}
      {others.length > 0 && (
        <ul>
          {others.map(({ cause, tone, text, action }) => (
            <li key={cause}>
              <span className={`dot ${tone}`} /> {text}
              {action !== undefined && <ActionButton action={action} />}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

const acts = {
  resume: (queue: string) => callApi(`/queues/api/queues/${queue}/resume`, { method: 'PUT', json: {} }),
  retry: retryAll,
} as const;

function ActionButton({ action }: { action: Action }) {
  const isAdmin = useMay('admin');
  const queries = useQueryClient();
  const act = useMutation({
    mutationFn: async () => (action.kind === 'open' ? undefined : acts[action.kind](action.queue)),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['state'] }),
    onError: (error) => say(`Not done: ${action.name}`, { kind: 'bad', detail: textOf(error) }),
  });
  if (action.kind === 'open')
    return (
      <a className="button" href={action.href}>
        {action.name}
      </a>
    );
  if (!isAdmin) return <span className="fine">An admin can act on it.</span>;
  return (
    <button type="button" disabled={act.isPending} onClick={() => act.mutate()}>
      {act.isPending && action.kind === 'retry' ? 'Retrying…' : action.name}
    </button>
  );
}
