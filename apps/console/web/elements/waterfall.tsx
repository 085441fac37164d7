import { durationText } from './values.tsx';

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
  const x = (after_ms: number): number => (after_ms / whole_ms) * 99;
  let before = 0;
  return (
    <ol className="waterfall">
      {steps.map(({ name, title, at_ms, none, note, tone }) => {
        if (at_ms === null)
          return (
            <li key={name}>
              <span title={title}>{name}</span>
              <span />
              <span className="fine none">{none}</span>
            </li>
          );
        const after_ms = Math.max(at_ms - first_ms, 0);
        const from_ms = Math.min(before, after_ms);
        const isStep = tone === undefined;
        if (isStep) before = after_ms;
        return (
          <li key={name}>
            <span title={title}>{name}</span>
            <span className="number" title={`${after_ms} ms`}>
              {after_ms < 1_000 ? `${after_ms.toFixed(1)} ms` : durationText(after_ms)}
            </span>
            <svg className="bar-track" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
              {isStep ? (
                <rect x={x(from_ms)} y="2" height="6" width={Math.max(x(after_ms - from_ms), 0.8)} />
              ) : (
                // The readers are asked side by side, from the commit on.
                <>
                  <rect className="path" x="0" y="4.5" height="1" width={x(after_ms)} />
                  <rect className={tone} x={x(after_ms)} y="0" height="10" width="1" />
                </>
              )}
            </svg>
            <span className="fine good-text">{note}</span>
          </li>
        );
      })}
    </ol>
  );
}
