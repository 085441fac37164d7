/** Moments after a first one, each as a bar from the moment before. */
export interface Step {
  readonly name: string;
  readonly title?: string;
  /** Milliseconds since 1970. null while it is not known. */
  readonly at_ms: number | null;
  /** The text instead of a time. */
  readonly none: string;
  readonly note?: string;
  readonly tone?: 'good';
}

export function Waterfall({ steps }: { steps: readonly Step[] }) {
  const times = steps.flatMap(({ at_ms }) => (at_ms === null ? [] : [at_ms]));
  const first_ms = times[0] ?? 0;
  const whole_ms = Math.max(...times.map((time) => time - first_ms), 1);
  let before = 0;
  return (
    <ol className="waterfall">
      {steps.map(({ name, title, at_ms, none, note, tone }) => {
        const after_ms = at_ms === null ? null : Math.max(at_ms - first_ms, 0);
        const from = Math.min(before, after_ms ?? before);
        // The steps of the readers run in parallel, so each of their bars begins at the commit.
        if (after_ms !== null && tone === undefined) before = after_ms;
        const left = tone === undefined ? from : 0;
        return (
          <li key={name}>
            <span title={title}>{name}</span>
            <span className="number">{after_ms === null ? '' : `${after_ms.toFixed(1)} ms`}</span>
            {after_ms === null ? (
              <span className="fine">{none}</span>
            ) : (
              <svg className="bar-track" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                <rect
                  className={tone}
                  x={(left / whole_ms) * 98}
                  y="2"
                  height="6"
                  width={Math.max(((after_ms - left) / whole_ms) * 98, 0.8)}
                />
              </svg>
            )}
            <span className="fine good-text">{after_ms === null ? '' : note}</span>
          </li>
        );
      })}
    </ol>
  );
}
