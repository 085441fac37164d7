import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Ask } from '../../elements/ask.tsx';
import { Field } from '../../elements/field.tsx';
import { say } from '../../elements/say.ts';
import { Ago, count } from '../../elements/values.tsx';
import { ApiError, callApi, getJson, textOf } from '../../http/api.ts';

interface StockOnHand {
  readonly sku: string;
  readonly onHand: number;
  readonly updatedAt: string;
}

const askAgain_ms = 3_000;

export function Stock({ sku, mayEdit }: { sku: string; mayEdit: boolean }) {
  const [isOpen, setOpen] = useState(false);
  const path = `/api/stock/${encodeURIComponent(sku)}`;
  const stock = useQuery({
    queryKey: ['stock', sku],
    queryFn: async ({ signal }) => {
      try {
        return await getJson<StockOnHand>(path, signal);
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }
    },
    // Orders take from it.
    refetchInterval: askAgain_ms,
  });
  return (
    <section className="panel" aria-labelledby="stock">
      <header>
        <h2 id="stock">Stock</h2>
        <span>
          {stock.isError ? (
            <span className="bad-text">unknown: {textOf(stock.error)}</span>
          ) : stock.data === undefined ? (
            ' '
          ) : stock.data === null ? (
            <span className="faint">none was ever received</span>
          ) : (
            <>
              <strong>{count(stock.data.onHand)}</strong> on hand{' '}
              <span className="fine">
                <Ago at={stock.data.updatedAt} />
              </span>
            </>
          )}
        </span>
        {mayEdit && (
          <div className="actions">
            <button type="button" onClick={() => setOpen(true)}>
              Receive or correct…
            </button>
          </div>
        )}
      </header>
      <Ask title={`Stock of ${sku}`} isOpen={isOpen} close={() => setOpen(false)}>
        <Adjust
          path={path}
          onHand={stock.data === undefined ? undefined : (stock.data?.onHand ?? 0)}
          close={() => setOpen(false)}
          done={() => {
            setOpen(false);
            void stock.refetch();
          }}
        />
      </Ask>
    </section>
  );
}

function Adjust({
  path,
  onHand,
  close,
  done,
}: {
  path: string;
  /** undefined while it is not known. */
  onHand: number | undefined;
  close: () => void;
  done: () => void;
}) {
  const [delta, setDelta] = useState('');
  const [reason, setReason] = useState('');
  // The same key for each try, so that a repeated call counts once.
  const [key] = useState(() => crypto.randomUUID());
  const isWhole = /^-?[1-9]\d*$/.test(delta.trim());
  const isComplete = isWhole && reason.trim() !== '';
  const adjust = useMutation({
    mutationFn: () =>
      callApi<StockOnHand>(`${path}/adjustments`, {
        method: 'POST',
        json: { delta: Number(delta), reason: reason.trim() },
        headers: { 'Idempotency-Key': key },
      }),
    onSuccess({ body }) {
      say(`${count(body.onHand)} on hand now`);
      done();
    },
  });
  return (
    // In the page, the dialog is outside the form of the product. For React, it is inside.
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        event.stopPropagation();
        if (isComplete && !adjust.isPending) adjust.mutate();
      }}
    >
      <div className="fields">
        <Field
          label="Pieces"
          hint={
            isWhole && onHand !== undefined
              ? `${count(onHand)} on hand, ${count(onHand + Number(delta))} afterwards`
              : 'received, or below zero: lost, broken or miscounted'
          }
        >
          {(props) => (
            <input
              {...props}
              inputMode="numeric"
              value={delta}
              onChange={({ target }) => setDelta(target.value)}
            />
          )}
        </Field>
        <Field label="Why" hint="the stock's own history keeps it">
          {(props) => (
            <input
              {...props}
              maxLength={500}
              value={reason}
              onChange={({ target }) => setReason(target.value)}
            />
          )}
        </Field>
      </div>
      {adjust.isError && (
        <p className="refused" role="alert">
          The stock is unchanged: {textOf(adjust.error)}
        </p>
      )}
      <footer>
        <button type="button" onClick={close}>
          Cancel
        </button>
        <button type="submit" className="primary" disabled={!isComplete || adjust.isPending}>
          Book
        </button>
      </footer>
    </form>
  );
}
