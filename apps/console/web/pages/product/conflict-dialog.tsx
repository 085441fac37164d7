import { useState } from 'react';
import { Ask } from '../../elements/ask.tsx';
import { Scroll } from '../../elements/scroll.tsx';
import { changedFields, fieldNames, sameValue, valueText, type FieldName } from '../../products/fields.ts';
import type { TaggedProduct, Product } from '../../products/product.ts';
import type { Conflict } from './use-product-edit.ts';

type Choice = 'mine' | 'theirs';

/** Mine, theirs and the last common value, field by field. */
export function ConflictDialog({
  conflict,
  close,
  save,
}: {
  conflict: Conflict | undefined;
  close: () => void;
  save: (merged: Product, theirs: TaggedProduct) => void;
}) {
  return (
    <Ask
      title="Not saved: somebody else has changed this product"
      isOpen={conflict !== undefined}
      close={close}
    >
      {conflict !== undefined && (
        <Merge key={conflict.theirs.product.version} conflict={conflict} close={close} save={save} />
      )}
    </Ask>
  );
}

function Merge({
  conflict: { base, mine, theirs },
  close,
  save,
}: {
  conflict: Conflict;
  close: () => void;
  save: (merged: Product, theirs: TaggedProduct) => void;
}) {
  const fields = [...new Set([...changedFields(base, mine), ...changedFields(base, theirs.product)])];
  const [choices, setChoices] = useState<Readonly<Partial<Record<FieldName, Choice>>>>({});
  const isConflict = (field: FieldName): boolean =>
    !sameValue(base[field], mine[field]) &&
    !sameValue(base[field], theirs.product[field]) &&
    !sameValue(mine[field], theirs.product[field]);
  /** A field that only one side has changed needs no decision. */
  const choiceOf = (field: FieldName): Choice | undefined => {
    if (choices[field] !== undefined) return choices[field];
    if (isConflict(field)) return undefined;
    return sameValue(base[field], mine[field]) ? 'theirs' : 'mine';
  };
  const open = fields.filter((field) => choiceOf(field) === undefined);
  const merged: Product = {
    ...theirs.product,
    ...Object.fromEntries(
      fields.flatMap((field) => (choiceOf(field) === 'mine' ? [[field, mine[field]]] : [])),
    ),
  };
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        save(merged, theirs);
      }}
    >
      <p>Nothing of yours is lost. Choose a value for each field that you both changed, then save.</p>
      <Scroll label="Fields that differ">
        <table className="merge stacked">
          <thead>
            <tr>
              <th>Field</th>
              <th>Before</th>
              <th>Yours</th>
              <th>Theirs</th>
            </tr>
          </thead>
          <tbody>
            {fields.map((field) => (
              <tr key={field} className={isConflict(field) ? 'conflict' : undefined}>
                <th scope="row">{fieldNames[field]}</th>
                <td className="faint" data-label="Before">
                  {valueText(field, base[field], base.currency)}
                </td>
                {(['mine', 'theirs'] as const).map((side) => {
                  const product = side === 'mine' ? mine : theirs.product;
                  return (
                    <td key={side} data-label={side === 'mine' ? 'Yours' : 'Theirs'}>
                      <label className="check">
                        <input
                          type="radio"
                          name={field}
                          checked={choiceOf(field) === side}
                          onChange={() => setChoices({ ...choices, [field]: side })}
                        />
                        <span>{valueText(field, product[field], product.currency)}</span>
                      </label>
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <footer>
        <span className="fine">
          {open.length > 0 && `Still to choose: ${open.map((field) => fieldNames[field]).join(', ')}`}
        </span>
        <button type="button" onClick={close}>
          Back to the form
        </button>
        <button type="submit" className="primary" disabled={open.length > 0}>
          Save the merged product
        </button>
      </footer>
    </form>
  );
}
