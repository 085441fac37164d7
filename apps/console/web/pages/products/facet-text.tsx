/** How the button of a facet looks, before and after its list is loaded. */

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
