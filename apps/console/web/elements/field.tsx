import { useId, type ReactNode } from 'react';

export interface FieldProps {
  readonly label: string;
  readonly hint?: ReactNode;
  /** What is wrong with the value. */
  readonly wrong?: string | undefined;
  readonly className?: string;
  /** Renders the input. `props` connects it with the label and the error. */
  readonly children: (props: {
    id: string;
    'aria-describedby': string | undefined;
    'aria-invalid': boolean | undefined;
  }) => ReactNode;
}

/** A label, an input, and below it the hint or the error. */
export function Field({ label, hint, wrong, className = '', children }: FieldProps) {
  const id = useId();
  const note = wrong ?? (hint === '' ? undefined : hint);
  return (
    <div className={`field ${className}`}>
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        'aria-describedby': note === undefined ? undefined : `${id}-note`,
        'aria-invalid': wrong === undefined ? undefined : true,
      })}
      {note !== undefined && (
        <span id={`${id}-note`} className={wrong === undefined ? 'fine' : 'fine wrong'}>
          {note}
        </span>
      )}
    </div>
  );
}
