import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { textOf } from '../../http/api.ts';

interface ActFormProps<T> {
  /** What the button says. */
  readonly verb: string;
  readonly isDanger?: boolean;
  readonly run: () => Promise<T>;
  readonly done: (result: T) => void;
  readonly close: () => void;
  /** Gets the error of the last try, for what it says about single fields. */
  readonly children: (error: unknown) => ReactNode;
}

/** The form in a dialog that changes a person. A refusal is shown above the buttons, and the form keeps what was typed. */
export function ActForm<T>({ verb, isDanger = false, run, done, close, children }: ActFormProps<T>) {
  const queries = useQueryClient();
  const act = useMutation({
    mutationFn: run,
    onSuccess(result) {
      void queries.invalidateQueries({ queryKey: ['users'] });
      void queries.invalidateQueries({ queryKey: ['me'] });
      done(result);
    },
  });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        act.mutate();
      }}
    >
      {children(act.error)}
      {act.isError && (
        <p className="refused" role="alert">
          {textOf(act.error)}
        </p>
      )}
      <footer>
        <button type="button" onClick={close}>
          Cancel
        </button>
        <button type="submit" className={isDanger ? 'danger' : 'primary'} disabled={act.isPending}>
          {verb}
        </button>
      </footer>
    </form>
  );
}
