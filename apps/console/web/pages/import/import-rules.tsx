import { Field } from '../../elements/field.tsx';
import type { ImportOptions } from './run-import.ts';

const rules = {
  mode: {
    label: 'If a record is wrong',
    choices: { 'reject-all': 'change nothing at all', 'skip-failed': 'import the others' },
  },
  onExisting: {
    label: 'If the SKU has a product',
    choices: { update: 'change it', skip: 'leave it alone', fail: 'the record is wrong' },
  },
  onMissing: {
    label: 'If the SKU has none',
    choices: { create: 'create a product', skip: 'leave it out', fail: 'the record is wrong' },
  },
} as const;

export function ImportRules({
  options,
  choose,
}: {
  options: ImportOptions;
  choose: (options: ImportOptions) => void;
}) {
  return (
    <div className="fields roomy-fields">
      {(['mode', 'onExisting', 'onMissing'] as const).map((name) => (
        <Field key={name} label={rules[name].label}>
          {(props) => (
            <select
              {...props}
              value={options[name]}
              onChange={({ target }) => choose({ ...options, [name]: target.value })}
            >
              {Object.entries(rules[name].choices).map(([value, text]) => (
                <option key={value} value={value}>
                  {text}
                </option>
              ))}
            </select>
          )}
        </Field>
      ))}
    </div>
  );
}
