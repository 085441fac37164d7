/** How a part of a page looks while it loads, after it failed, and when there is nothing to show. */
import { useEffect, type ReactNode } from 'react';
import { textOf } from '../http/api.ts';

/** Keeps its height, so that nothing shifts. It shows only after 100 ms: most answers are faster. */
export function Loading({ rows = 3 }: { rows?: number }) {
  return (
    <div className="loading" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} />
      ))}
    </div>
  );
}

export function Failed({ error, again }: { error: unknown; again?: () => void }) {
  return (
    <div className="failed" role="alert">
      <p>{textOf(error)}</p>
      {again !== undefined && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <p>
        <strong>{title}</strong>
      </p>
      {children}
    </div>
  );
}

/** The title is also that of the browser's tab. */
export function PageHead({
  title,
  note,
  children,
}: {
  title: string;
  note?: ReactNode;
  children?: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · Catalog console`;
  }, [title]);
  return (
    <header className="page-head">
      <div className="page-title">
        <h1>{title}</h1>
        {note !== undefined && <span className="note">{note}</span>}
      </div>
      <div className="actions">{children}</div>
    </header>
  );
}
