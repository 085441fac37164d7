import { Field } from '../../elements/field.tsx';
import { fieldNames, type FieldName } from '../../products/fields.ts';
import { AttributeEditor } from './attribute-editor.tsx';
import type { Draft } from './draft.ts';
import type { Problems } from './parse-draft.ts';

interface ProductFormProps {
  readonly draft: Draft;
  readonly problems: Problems;
  readonly edited: readonly FieldName[];
  readonly isReadOnly: boolean;
  readonly change: (draft: Draft) => void;
}

type TextField = Exclude<FieldName, 'attributes' | 'status' | 'description'>;

interface Row {
  readonly field: TextField;
  /** How wide it is, in `product.css`; half of the form unless set. */
  readonly className?: string;
  readonly hint?: string;
}

const identity: readonly Row[] = [
  { field: 'name', className: 'whole' },
  { field: 'sku', hint: 'unique' },
  { field: 'gtin', hint: '8, 12, 13 or 14 digits, or empty' },
  { field: 'brand' },
  { field: 'category' },
];
const price: readonly Row[] = [
  { field: 'priceMinor', className: 'third' },
  { field: 'currency', className: 'third', hint: 'such as EUR' },
];
const measures: readonly Row[] = [
  { field: 'weightGrams', className: 'quarter' },
  { field: 'lengthMm', className: 'quarter measure' },
  { field: 'widthMm', className: 'quarter measure' },
  { field: 'heightMm', className: 'quarter measure' },
];

const units: Partial<Record<FieldName, string>> = {
  weightGrams: ' (g)',
  lengthMm: ' (mm)',
  widthMm: ' (mm)',
  heightMm: ' (mm)',
};

const numbers = new Set<FieldName>(['priceMinor', 'weightGrams', 'lengthMm', 'widthMm', 'heightMm']);

export function ProductForm({ draft, problems, edited, isReadOnly, change }: ProductFormProps) {
  const classOf = (field: FieldName, more = ''): string =>
    `${more} ${edited.includes(field) ? 'edited' : ''}`;
  const inputOf = ({ field, className, hint }: Row) => (
    <Field
      key={field}
      label={fieldNames[field] + (units[field] ?? '')}
      hint={hint}
      wrong={problems[field]}
      className={classOf(field, className)}
    >
      {(props) => (
        <input
          {...props}
          spellCheck={false}
          autoComplete="off"
          inputMode={numbers.has(field) ? 'decimal' : 'text'}
          className={numbers.has(field) ? 'number' : undefined}
          value={draft[field]}
          onChange={({ target }) => change({ ...draft, [field]: target.value })}
        />
      )}
    </Field>
  );
  return (
    <fieldset className="product-form product-fields" disabled={isReadOnly}>
      {identity.map(inputOf)}
      {price.map(inputOf)}
      <Field label="Status" wrong={problems.status} className={classOf('status', 'third')}>
        {(props) => (
          <select
            {...props}
            value={draft.status}
            onChange={({ target }) => change({ ...draft, status: target.value })}
          >
            <option>draft</option>
            <option>active</option>
            <option>archived</option>
          </select>
        )}
      </Field>
      {measures.map(inputOf)}
      <Field label="Description" wrong={problems.description} className={classOf('description', 'whole')}>
        {(props) => (
          <textarea
            {...props}
            rows={4}
            value={draft.description}
            onChange={({ target }) => change({ ...draft, description: target.value })}
          />
        )}
      </Field>
      <AttributeEditor
        rows={draft.attributes}
        wrong={problems.attributes}
        className={classOf('attributes', 'whole')}
        change={(attributes) => change({ ...draft, attributes })}
      />
    </fieldset>
  );
}
