import { Dialog } from '@base-ui/react/dialog';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useId, useState, type KeyboardEvent } from 'react';
import { places, queuesPlace } from './places.tsx';

interface Found {
  readonly key: string;
  readonly name: string;
  readonly note: string;
  readonly go: () => void;
}

/** ⌘K: any page. */
export function CommandPalette({
  isOpen,
  onOpenChange,
}: {
  isOpen: boolean;
  onOpenChange: (open: boolean) => void;
}) {
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent): void => {
      if (event.key.toLowerCase() !== 'k' || !(event.metaKey || event.ctrlKey)) return;
      event.preventDefault();
      onOpenChange(true);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [onOpenChange]);
  return (
    <Dialog.Root open={isOpen} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="dialog palette" aria-label="Go to">
          <Search close={() => onOpenChange(false)} />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Search({ close }: { close: () => void }) {
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState(0);
  const list = useId();
  const found = useFound(text, close);
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && found.length > 0) {
      event.preventDefault();
      setChosen((chosen + step + found.length) % found.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      found[chosen]?.go();
    }
  };
  return (
    <>
      <input
        autoFocus
        role="combobox"
        aria-expanded="true"
        aria-controls={list}
        aria-activedescendant={found[chosen] === undefined ? undefined : `${list}-${chosen}`}
        aria-label="Page"
        placeholder="Page"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setChosen(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul id={list} role="listbox" aria-label="Places">
        {found.map(({ key, name, note, go }, index) => (
          <li
            key={key}
            id={`${list}-${index}`}
            role="option"
            aria-selected={index === chosen}
            onMouseMove={() => setChosen(index)}
            onClick={go}
          >
            <span className="cut">{name}</span> <span className="fine">{note}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="fine">No page has this name.</p>}
    </>
  );
}

function useFound(text: string, close: () => void): readonly Found[] {
  const navigate = useNavigate();
  const wanted = text.trim();
  return [...places, queuesPlace]
    .filter(({ name }) => name.toLowerCase().includes(wanted.toLowerCase()))
    .map((place): Found => ({
      key: place.name,
      name: place.name,
      note: 'page',
      go() {
        close();
        if ('href' in place) location.assign(place.href);
        else void navigate({ to: place.to });
      },
    }));
}
