import { Combobox } from '@base-ui/react/combobox';
import { writeList } from '@catalog/contracts';
import { useRef, useState } from 'react';
import { count } from '../../elements/values.tsx';
import { facetClass, facetName, type FacetProps, FacetText } from './facet-text.tsx';

interface FacetListProps extends Omit<FacetProps, 'value'> {
  readonly chosen: readonly string[];
  /** Whether the list is open at first. */
  readonly isOpen: boolean;
}

/** A filter by any number of values, each with how many products it would show. A rare value can be typed. */
export function FacetList({ label, chosen, counts, choose, isOpen }: FacetListProps) {
  /** The list opens inside the page, whose landmark it then belongs to. */
  const place = useRef<HTMLDivElement>(null);
  const [typed, setTyped] = useState('');
  const known = new Map(counts?.map((one) => [one.value, one.count]));
  const values = [...new Set([...known.keys(), ...chosen])];
  const rare = typed.trim();
  const isRare = rare !== '' && !values.some((one) => one.toLowerCase() === rare.toLowerCase());
  return (
    <div ref={place} className="facet">
      <Combobox.Root
        multiple
        defaultOpen={isOpen}
        items={isRare ? [...values, rare] : values}
        value={chosen}
        onValueChange={(next: string[]) => choose(next.length === 0 ? undefined : writeList(next))}
        inputValue={typed}
        onInputValueChange={setTyped}
        onOpenChange={(isOpen) => {
          if (!isOpen) setTyped('');
        }}
      >
        <Combobox.Trigger className={facetClass(chosen)} aria-label={facetName(label, chosen)}>
          <FacetText label={label} chosen={chosen} />
        </Combobox.Trigger>
        <Combobox.Portal container={place}>
          <Combobox.Positioner sideOffset={4} align="start" className="floating">
            <Combobox.Popup className="menu facet-menu" aria-label={label}>
              <Combobox.Input placeholder={`Find a ${label.toLowerCase()}`} maxLength={200} />
              <Combobox.List className="facet-list">
                {(one: string) => (
                  <Combobox.Item key={one} value={one} className="menu-item">
                    <span className="facet-tick" aria-hidden="true">
                      {chosen.includes(one) ? '✓' : ''}
                    </span>
                    <span className="cut">{one}</span>
                    <span className="fine">{countText(known.get(one), counts !== undefined)}</span>
                  </Combobox.Item>
                )}
              </Combobox.List>
            </Combobox.Popup>
          </Combobox.Positioner>
        </Combobox.Portal>
      </Combobox.Root>
    </div>
  );
}

/** Only the most frequent values have a count. */
function countText(products: number | undefined, areKnown: boolean): string {
  if (products !== undefined) return count(products);
  return areKnown ? 'rare' : '';
}
