import { useState } from 'react';
import { say } from '../../elements/say.ts';
import type { Product } from '../../products/product.ts';
import { amountText } from './bulk-change.ts';
import { BulkEdit } from './bulk-edit.tsx';
import { saveMany } from './save-many.ts';

/** What can be done with the chosen products. */
export function BulkBar({
  products,
  clear,
  done,
}: {
  products: readonly Product[];
  clear: () => void;
  done: () => void;
}) {
  const [editing, setEditing] = useState<'edit' | 'archive'>();
  return (
    <div className="bulk" role="region" aria-label="Chosen products">
      <strong>{products.length} chosen</strong>
      <button type="button" onClick={() => setEditing('edit')}>
        Edit…
      </button>
      <button type="button" onClick={() => setEditing('archive')}>
        Archive…
      </button>
      <button type="button" className="quiet" onClick={clear}>
        Choose none
      </button>
      <BulkEdit
        products={products}
        kind={editing}
        close={() => setEditing(undefined)}
        done={(saved) => {
          setEditing(undefined);
          done();
          say(
            `${editing === 'archive' ? 'Archived' : 'Changed'} ${saved.length} of ${amountText(products.length)}`,
            {
              ...(saved.length > 0 && {
                action: {
                  name: 'Undo',
                  run: () =>
                    void saveMany(saved.map(({ before, after }) => ({ before: after, after: before }))).then(
                      (outcomes) => {
                        const undone = outcomes.filter(({ problem }) => problem === undefined).length;
                        say(`Undone for ${undone} of ${amountText(saved.length)}`);
                        done();
                      },
                    ),
                },
              }),
            },
          );
        }}
      />
    </div>
  );
}
