import { readList } from '@catalog/contracts';
import { lazy } from 'react';
import { Later } from '../../elements/later.tsx';
import { facetClass, facetName, type FacetProps, FacetText } from './facet-text.tsx';

const FacetList = lazy(async () => ({ default: (await import('./facet-list.tsx')).FacetList }));

/** A filter by any number of values. */
export function Facet(props: FacetProps) {
  const { label, value } = props;
  const chosen = value === undefined ? [] : (readList(value) ?? []);
  return (
    <Later
      button={(press) => (
        <div className="facet">
          <button
            type="button"
            role="combobox"
            aria-expanded={false}
            aria-label={facetName(label, chosen)}
            className={facetClass(chosen)}
            onClick={press}
          >
            <FacetText label={label} chosen={chosen} />
          </button>
        </div>
      )}
    >
      {(isOpen) => <FacetList {...props} chosen={chosen} isOpen={isOpen} />}
    </Later>
  );
}
