import { Field } from '../../elements/field.tsx';
import { fieldNames, type FieldName } from '../../products/fields.ts';
import { AttributeEditor } from './attribute-editor.tsx';
import type { Draft, Problems } from './draft.ts';

interface ProductFormProps {
  readonly draft: Draft;
  readonly problems: Problems;
  readonly edited: readonly FieldName[];
  readonly isReadOnly: boolean;
  readonly change: (draft: Draft) => void;
}

type TextField = Exclude<FieldName, 'attributes' | 'status' | 'description'>;

const rows: readonly { field: TextField; className?: string; hint?: string }[] = [
  { field: 'name', className: 'whole' },
  { field: 'sku', hint: 'printable ASCII, unique' },
  { field: 'gtin', hint: '8, 12, 13 or 14 digits, or empty' },
  { field: 'brand' },
  { field: 'category' },
  { field: 'priceMinor' },
  { field: 'currency', hint: 'ISO 4217, such as EUR' },
  { field: 'weightGrams' },
  { field: 'lengthMm' },
  { field: 'widthMm' },
  { field: 'heightMm' },
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
  return (
    <fieldset className="fields product-form" disabled={isReadOnly}>
      {rows.map(({ field, className, hint }) => (
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
      ))}
      <Field label="Status" wrong={problems.status} className={classOf('status')}>
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
