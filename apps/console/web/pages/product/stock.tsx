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

function Adjust({ path, close, done }: { path: string; close: () => void; done: () => void }) {
  const [delta, setDelta] = useState('');
  const [reason, setReason] = useState('');
  // The same key for each try, so that a repeated call counts once.
  const [key] = useState(() => crypto.randomUUID());
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
    <div className="stack">
      <div className="fields">
        <Field label="Pieces" hint="received, or below zero: lost, broken or miscounted">
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
        <button
          type="button"
          className="primary"
          disabled={!/^-?[1-9]\d*$/.test(delta.trim()) || reason.trim() === '' || adjust.isPending}
          onClick={() => adjust.mutate()}
        >
          Book
        </button>
      </footer>
    </div>
  );
}
