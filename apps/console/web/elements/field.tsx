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
    'aria-describedby': string;
    'aria-invalid': boolean | undefined;
  }) => ReactNode;
}

/** A label, an input, and below it the hint or the error. The line below is always there, so nothing shifts. */
export function Field({ label, hint, wrong, className = '', children }: FieldProps) {
  const id = useId();
  return (
    <div className={`field ${className}`}>
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        'aria-describedby': `${id}-note`,
        'aria-invalid': wrong === undefined ? undefined : true,
      })}
      <span id={`${id}-note`} className={wrong === undefined ? 'fine' : 'fine wrong'}>
        {wrong ?? hint}
      </span>
    </div>
  );
}
