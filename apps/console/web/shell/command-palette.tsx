import { Dialog } from '@base-ui/react/dialog';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useId, useState, type KeyboardEvent } from 'react';
import { getJson } from '../http/api.ts';
import { queuesPlace, usePlaces } from './places.tsx';
import { chooseTheme, themeNames, type Theme } from './theme.ts';

interface Found {
  readonly key: string;
  readonly name: string;
  readonly note: string;
  readonly go: () => void;
}

interface Hit {
  readonly data: readonly { id: string; sku: string; name: string }[];
}

/** ⌘K: any page, any product by name or SKU, the colours, and the way out. On a narrow screen it is the menu. */
export function CommandPalette({
  isOpen,
  onOpenChange,
}: {
  isOpen: boolean;
  onOpenChange: (open: boolean) => void;
}) {
  return (
    <Dialog.Root open={isOpen} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Palette close={() => onOpenChange(false)} />
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** The input has the focus at once, because a person types on behind ⌘K. So what had it before is noted here. */
function Palette({ close }: { close: () => void }) {
  const [before] = useState(() => document.activeElement);
  return (
    <Dialog.Popup
      className="dialog palette"
      aria-label="Go to"
      finalFocus={() => (before instanceof HTMLElement && before.isConnected ? before : true)}
    >
      <Search close={close} />
    </Dialog.Popup>
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
        aria-label="Page, product name or SKU"
        placeholder="Page, product name or SKU"
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
      {found.length === 0 && <p className="fine">Nothing has this name or SKU.</p>}
    </>
  );
}

function useFound(text: string, close: () => void): readonly Found[] {
  const navigate = useNavigate();
  const wanted = text.trim();
  const { data } = useQuery({
    queryKey: ['palette', wanted],
    queryFn: ({ signal }) =>
      getJson<Hit>(
        `/api/products?${new URLSearchParams({ q: wanted, status: 'active,draft,archived', limit: '8' })}`,
        signal,
      ),
    enabled: wanted.length >= 2,
    placeholderData: keepPreviousData,
  });
  const pages = [...usePlaces(), queuesPlace]
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
  const actions = [
    ...(Object.keys(themeNames) as Theme[]).map((theme) => ({
      name: `Colours: ${themeNames[theme]}`,
      run: () => chooseTheme(theme),
    })),
    {
      name: 'Sign out',
      run: () => document.querySelector<HTMLFormElement>('form[action="/sign-out"]')?.requestSubmit(),
    },
  ]
    .filter(({ name }) => name.toLowerCase().includes(wanted.toLowerCase()))
    .map(({ name, run }): Found => ({
      key: name,
      name,
      note: 'action',
      go() {
        close();
        run();
      },
    }));
  const products = wanted.length < 2 ? [] : (data?.data ?? []);
  return [
    ...pages,
    ...products.map(({ id, sku, name }): Found => ({
      key: id,
      name,
      note: sku,
      go() {
        close();
        void navigate({ to: '/products/$id', params: { id } });
      },
    })),
    ...actions,
  ];
}
