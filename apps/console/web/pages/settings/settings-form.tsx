import { Field } from '../../elements/field.tsx';
import { settingNames, type Draft, type SettingName } from './settings.ts';

interface SettingsFormProps {
  readonly draft: Draft;
  readonly problems: Readonly<Partial<Record<SettingName, string>>>;
  readonly typed: readonly SettingName[];
  readonly isReadOnly: boolean;
  readonly change: (draft: Draft) => void;
}

const rows: readonly { name: Exclude<SettingName, 'ordersEnabled'>; hint: string; isWhole?: boolean }[] = [
  { name: 'storeName', hint: 'one line', isWhole: true },
  { name: 'supportEmail', hint: 'or empty' },
  { name: 'defaultCurrency', hint: 'ISO 4217, such as EUR' },
  { name: 'lowStockThreshold', hint: 'pieces' },
];

export function SettingsForm({ draft, problems, typed, isReadOnly, change }: SettingsFormProps) {
  const classOf = (name: SettingName, isWhole = false): string =>
    `${isWhole ? 'whole' : ''} ${typed.includes(name) ? 'edited' : ''}`;
  return (
    <fieldset className="product-form product-fields" disabled={isReadOnly}>
      {rows.map(({ name, hint, isWhole }) => (
        <Field
          key={name}
          label={settingNames[name]}
          hint={hint}
          wrong={problems[name]}
          className={classOf(name, isWhole)}
        >
          {(props) => (
            <input
              {...props}
              autoComplete="off"
              spellCheck={false}
              inputMode={name === 'lowStockThreshold' ? 'numeric' : 'text'}
              className={name === 'lowStockThreshold' ? 'number' : undefined}
              value={draft[name]}
              onChange={({ target }) => change({ ...draft, [name]: target.value })}
            />
          )}
        </Field>
      ))}
      <Field
        label={settingNames.ordersEnabled}
        hint="while closed, the store takes no orders"
        wrong={problems.ordersEnabled}
        className={classOf('ordersEnabled')}
      >
        {(props) => (
          <select
            {...props}
            value={draft.ordersEnabled ? 'open' : 'closed'}
            onChange={({ target }) => change({ ...draft, ordersEnabled: target.value === 'open' })}
          >
            <option>open</option>
            <option>closed</option>
          </select>
        )}
      </Field>
    </fieldset>
  );
}
