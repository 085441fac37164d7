import type { ReactNode } from 'react';

/** A part that scrolls by itself when it is wider than the page. It takes the focus, so that the arrow keys scroll it. */
export function Scroll({
  label,
  className = '',
  children,
}: {
  label: string;
  className?: string;
  children: ReactNode;
}) {
  return (
    <div className={`scroll ${className}`} role="group" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}
