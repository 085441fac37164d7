import { Combobox } from '@base-ui/react/combobox';
import { readList, writeList } from '@catalog/contracts';
import { useRef, useState } from 'react';
import { count } from '../../elements/values.tsx';

export interface FacetCount {
  readonly value: string;
  readonly count: number;
}

interface FacetProps {
  readonly label: string;
  /** Several values with commas between them, as the services read them. */
  readonly value: string | undefined;
  /** The values that occur most, the most frequent first. */
  readonly counts: readonly FacetCount[] | undefined;
  readonly choose: (value: string | undefined) => void;
}

/** A filter by any number of values, each with how many products it would show. A rare value can be typed. */
export function Facet({ label, value, counts, choose }: FacetProps) {
  /** The list opens inside the page, whose landmark it then belongs to. */
  const place = useRef<HTMLDivElement>(null);
  const [typed, setTyped] = useState('');
  const chosen = value === undefined ? [] : (readList(value) ?? []);
  const known = new Map(counts?.map((one) => [one.value, one.count]));
  const values = [...new Set([...known.keys(), ...chosen])];
  const rare = typed.trim();
  const isRare = rare !== '' && !values.some((one) => one.toLowerCase() === rare.toLowerCase());
  const [first, ...others] = chosen;
  return (
    <div ref={place} className="facet">
      <Combobox.Root
        multiple
        items={isRare ? [...values, rare] : values}
        value={chosen}
        onValueChange={(next: string[]) => choose(next.length === 0 ? undefined : writeList(next))}
        inputValue={typed}
        onInputValueChange={setTyped}
        onOpenChange={(isOpen) => {
          if (!isOpen) setTyped('');
        }}
      >
        <Combobox.Trigger
          className={chosen.length === 0 ? 'facet-button faint' : 'facet-button'}
          aria-label={chosen.length === 0 ? label : `${label}: ${chosen.join(', ')}`}
        >
          <span className="cut">
            {first ?? label}
            {others.length > 0 && ` +${others.length}`}
          </span>
          <span aria-hidden="true">▾</span>
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
