import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { Ask } from '../../elements/ask.tsx';
import { Field } from '../../elements/field.tsx';
import { say } from '../../elements/say.ts';
import { count } from '../../elements/values.tsx';
import { callApi, textOf } from '../../http/api.ts';

/** What to purge: one key, the keys of one entity, or all. */
export type PurgeTarget = { readonly key: string } | { readonly entity: string } | { readonly all: true };

function nameOf(target: PurgeTarget): string {
  if ('key' in target) return target.key;
  return 'entity' in target ? `every ${target.entity}` : 'the whole cache';
}

/** Asks why, then purges. The worker does it as an invalidation, and logs who asked for it. */
export function PurgeDialog({ target, close }: { target: PurgeTarget | undefined; close: () => void }) {
  return (
    <Ask title="Purge the cache" isOpen={target !== undefined} close={close}>
      {target !== undefined && <PurgeForm target={target} close={close} />}
    </Ask>
  );
}

function PurgeForm({ target, close }: { target: PurgeTarget; close: () => void }) {
  const [reason, setReason] = useState('');
  const purge = useMutation({
    mutationFn: () =>
      callApi<{ entries: number; invalidated: number }>('/api/purges', {
        method: 'POST',
        json: { ...target, reason: reason.trim() },
      }),
    onSuccess({ body: { entries, invalidated } }) {
      say(`Purged ${nameOf(target)}`, {
        detail: `Found in the cache: ${count(entries)}. Could have been served until now: ${count(invalidated)}.`,
      });
      close();
    },
  });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        purge.mutate();
      }}
    >
      <p>
        Takes <code>{nameOf(target)}</code> out of the cache. The next reader loads it from Postgres.
      </p>
      <Field label="Why" hint="The log keeps it, with your name. At least 3 characters.">
        {(props) => (
          <input
            {...props}
            required
            minLength={3}
            maxLength={500}
            autoComplete="off"
            value={reason}
            onChange={(event) => setReason(event.target.value)}
          />
        )}
      </Field>
      {purge.isError && (
        <p className="refused" role="alert">
          Not purged: {textOf(purge.error)}
        </p>
      )}
      <footer>
        <button type="button" onClick={close}>
          Cancel
        </button>
        <button type="submit" className="danger" disabled={purge.isPending}>
          Purge
        </button>
      </footer>
    </form>
  );
}
