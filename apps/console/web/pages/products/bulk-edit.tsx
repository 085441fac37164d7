import { useState } from 'react';
import { Ask } from '../../elements/ask.tsx';
import { Field } from '../../elements/field.tsx';
import { Scroll } from '../../elements/scroll.tsx';
import { changedFields, fieldNames, valueText } from '../../products/fields.ts';
import type { Product } from '../../products/product.ts';
import { amountText, change, changeNames, type ChangeKind } from './bulk-change.ts';
import { saveMany, type Outcome, type Wanted } from './save-many.ts';

interface BulkEditProps {
  readonly products: readonly Product[];
  readonly kind: 'edit' | 'archive' | undefined;
  readonly close: () => void;
  readonly done: (saved: readonly Wanted[]) => void;
}

export function BulkEdit({ products, kind, close, done }: BulkEditProps) {
  const title = `${kind === 'archive' ? 'Archive' : 'Edit'} ${amountText(products.length)}`;
  /** What was saved before others were refused. The dialog stays open to show those. */
  const [saved, setSaved] = useState<readonly Wanted[]>();
  const leave = (): void => {
    setSaved(undefined);
    if (saved === undefined) close();
    else done(saved);
  };
  return (
    <Ask title={title} isOpen={kind !== undefined} close={leave}>
      {kind !== undefined && (
        <Form
          products={products}
          isArchive={kind === 'archive'}
          close={leave}
          done={done}
          keepSaved={setSaved}
        />
      )}
    </Ask>
  );
}

function Form({
  products,
  isArchive,
  close,
  done,
  keepSaved,
}: Pick<BulkEditProps, 'products' | 'close' | 'done'> & {
  isArchive: boolean;
  keepSaved: (saved: readonly Wanted[]) => void;
}) {
  const [kind, setKind] = useState<ChangeKind>(isArchive ? 'status' : 'pricePercent');
  const [value, setValue] = useState(isArchive ? 'archived' : '');
  const [progress, setProgress] = useState<number>();
  const [refused, setRefused] = useState<readonly Outcome[]>([]);
  const preview = products.map((before) => ({ before, after: change(before, kind, value.trim()) }));
  const isWrong = value.trim() !== '' && preview.every(({ after }) => after === undefined);
  const changing = preview.flatMap(({ before, after }) =>
    after !== undefined && changedFields(before, after).length > 0 ? [{ before, after }] : [],
  );
  const apply = async (): Promise<void> => {
    setProgress(0);
    const outcomes = await saveMany(changing, setProgress);
    setProgress(undefined);
    const failed = outcomes.filter(({ problem }) => problem !== undefined);
    setRefused(failed);
    if (failed.length === 0) done(outcomes);
    else keepSaved(outcomes.filter(({ problem }) => problem === undefined));
  };
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void apply();
      }}
    >
      {!isArchive && (
        <div className="fields">
          <Field label="Change">
            {(props) => (
              <select
                {...props}
                value={kind}
                onChange={({ target }) => {
                  setKind(target.value as ChangeKind);
                  setValue('');
                }}
              >
                {(Object.keys(changeNames) as ChangeKind[]).map((one) => (
                  <option key={one} value={one}>
                    {changeNames[one].label}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field
            label={changeNames[kind].value}
            hint={changeNames[kind].hint}
            wrong={isWrong ? `must be ${changeNames[kind].rule}` : undefined}
          >
            {(props) => <input {...props} value={value} onChange={({ target }) => setValue(target.value)} />}
          </Field>
        </div>
      )}
      <p className="faint">
        {changing.length === 0
          ? 'Nothing changes yet.'
          : `${changing.length} of ${amountText(products.length)} ${products.length === 1 ? 'changes' : 'change'}. A product that somebody else changes meanwhile is left alone.`}
      </p>
      <Scroll label="Preview" className="preview">
        <table className="stacked">
          <tbody>
            {changing.slice(0, 100).map(({ before, after }) => (
              <tr key={before.id}>
                <td className="mono sku">{before.sku}</td>
                <td className="wide">{before.name}</td>
                <td className="changed-fields">
                  {changedFields(before, after).map((field) => (
                    <span key={field} className="changed-field">
                      {fieldNames[field]} <del>{valueText(field, before[field], before.currency)}</del>{' '}
                      <ins>{valueText(field, after[field], after.currency)}</ins>
                    </span>
                  ))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {refused.length > 0 && (
        <div className="refused" role="alert">
          Not changed: {amountText(refused.length)}
          <ul>
            {refused.slice(0, 10).map(({ before, problem }) => (
              <li key={before.id}>
                {before.sku}: {problem}
              </li>
            ))}
          </ul>
        </div>
      )}
      <footer>
        <button type="button" onClick={close}>
          {refused.length > 0 ? 'Close' : 'Cancel'}
        </button>
        <button
          type="submit"
          className="primary"
          disabled={changing.length === 0 || progress !== undefined || refused.length > 0}
        >
          {progress === undefined
            ? `${isArchive ? 'Archive' : 'Change'} ${amountText(changing.length)}`
            : `${progress} of ${changing.length}…`}
        </button>
      </footer>
    </form>
  );
}
