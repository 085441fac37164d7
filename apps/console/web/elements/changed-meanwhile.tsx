import type { ReactNode } from 'react';

/** Shows what somebody else has saved while this person types. The page overwrites nothing before the person decides. */
export function ChangedMeanwhile({
  children,
  both,
  take,
  keep,
}: {
  /** What has changed, as a sentence. */
  readonly children: ReactNode;
  /** Names of the fields that both have changed. */
  readonly both: readonly string[];
  readonly take: () => void;
  readonly keep: () => void;
}) {
  return (
    <div className="banner warn" role="alert">
      <span>
        {children}
        {both.length > 0 && ` You have typed in ${both.join(', ')} too.`}
      </span>
      <span className="actions">
        <button type="button" onClick={take}>
          {both.length > 0 ? 'Take theirs' : 'Take it into the form'}
        </button>
        {both.length > 0 && (
          <button type="button" onClick={keep}>
            Keep mine
          </button>
        )}
      </span>
    </div>
  );
}
