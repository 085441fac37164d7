import type { AttributeRow } from './draft.ts';

interface AttributeEditorProps {
  readonly rows: readonly AttributeRow[];
  readonly wrong: string | undefined;
  readonly className: string;
  readonly change: (rows: readonly AttributeRow[]) => void;
}

export function AttributeEditor({ rows, wrong, className, change }: AttributeEditorProps) {
  const set = (index: number, row: Partial<AttributeRow>): void =>
    change(rows.map((old, at) => (at === index ? { ...old, ...row } : old)));
  return (
    <div className={`field ${className}`} role="group" aria-label="Attributes">
      <span className="label">Attributes</span>
      {rows.map((row, index) => (
        // The rows have no other identity: names change while a person types.
        <div className="attribute" key={index}>
          <input
            aria-label={`Name of attribute ${index + 1}`}
            value={row.name}
            maxLength={64}
            spellCheck={false}
            onChange={({ target }) => set(index, { name: target.value })}
          />
          <select
            aria-label={`Kind of attribute ${index + 1}`}
            value={row.kind}
            onChange={({ target }) => {
              const kind = target.value as AttributeRow['kind'];
              set(index, { kind, ...(kind === 'yes or no' && { value: 'yes' }) });
            }}
          >
            <option>text</option>
            <option>number</option>
            <option>yes or no</option>
          </select>
          {row.kind === 'yes or no' ? (
            <select
              aria-label={`Value of attribute ${index + 1}`}
              value={row.value}
              onChange={({ target }) => set(index, { value: target.value })}
            >
              <option>yes</option>
              <option>no</option>
            </select>
          ) : (
            <input
              aria-label={`Value of attribute ${index + 1}`}
              value={row.value}
              maxLength={1000}
              onChange={({ target }) => set(index, { value: target.value })}
            />
          )}
          <button
            type="button"
            className="quiet"
            aria-label={`Remove attribute ${row.name || index + 1}`}
            onClick={() => change(rows.filter((_, at) => at !== index))}
          >
            ✕
          </button>
        </div>
      ))}
      <div className="row">
        <button
          type="button"
          disabled={rows.length >= 100}
          onClick={() => change([...rows, { name: '', value: '', kind: 'text' }])}
        >
          + Add an attribute
        </button>
        <span className="fine wrong" role={wrong === undefined ? undefined : 'alert'}>
          {wrong}
        </span>
      </div>
    </div>
  );
}
