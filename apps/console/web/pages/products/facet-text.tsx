/** What a facet needs, and how its button looks, before and after its list is loaded. */

export interface FacetCount {
  readonly value: string;
  readonly count: number;
}

export interface FacetProps {
  readonly label: string;
  /** Several values with commas between them, as the services read them. */
  readonly value: string | undefined;
  /** The values that occur most, the most frequent first. */
  readonly counts: readonly FacetCount[] | undefined;
  readonly choose: (value: string | undefined) => void;
}

/** The first chosen value, and how many there are beside it. */
export function FacetText({ label, chosen }: { label: string; chosen: readonly string[] }) {
  const [first, ...others] = chosen;
  return (
    <>
      <span className="cut">
        {first ?? label}
        {others.length > 0 && ` +${others.length}`}
      </span>
      <span aria-hidden="true">▾</span>
    </>
  );
}

export const facetClass = (chosen: readonly string[]): string =>
  chosen.length === 0 ? 'facet-button faint' : 'facet-button';

export const facetName = (label: string, chosen: readonly string[]): string =>
  chosen.length === 0 ? label : `${label}: ${chosen.join(', ')}`;
