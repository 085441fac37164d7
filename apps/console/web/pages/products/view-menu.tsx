import { Menu } from '@base-ui/react/menu';
import { useState, type FormEvent } from 'react';
import { Ask } from '../../elements/ask.tsx';
import { Field } from '../../elements/field.tsx';
import {
  keepViews,
  longestName,
  mostViews,
  savedViews,
  type SavedViewsProps,
  viewOf,
  viewsText,
  withView,
  type SavedView,
} from './view-store.ts';

export function ViewMenu({ search, show, isOpen }: SavedViewsProps & { isOpen: boolean }) {
  const [views, setViews] = useState(() => savedViews(localStorage));
  const [isNaming, setNaming] = useState(false);
  /** The menu opens inside the page, so that it belongs to the landmark of the page. It may be open at once, so the place comes first. */
  const [place, setPlace] = useState<HTMLDivElement | null>(null);
  const keep = (next: readonly SavedView[]): void => {
    keepViews(next, localStorage);
    setViews(next);
  };
  const shown = viewOf(search, views);
  const isFull = views.length >= mostViews;
  return (
    <div ref={setPlace}>
      {/* Another tab of this browser may have saved a view meanwhile. */}
      {place !== null && (
        <Menu.Root defaultOpen={isOpen} onOpenChange={() => setViews(savedViews(localStorage))}>
          <Menu.Trigger className="button">{viewsText(shown)}</Menu.Trigger>
          <Menu.Portal container={place}>
            <Menu.Positioner sideOffset={4} className="floating">
              <Menu.Popup className="menu">
                {views.map((view) => (
                  <Menu.Item key={view.name} className="menu-item" onClick={() => show(view.search)}>
                    {view.name}
                    {view === shown && <span>✓</span>}
                  </Menu.Item>
                ))}
                {views.length === 0 && (
                  <p className="fine menu-note">A view keeps filters and their order.</p>
                )}
                <Menu.Separator className="menu-line" />
                {shown === undefined ? (
                  <Menu.Item
                    className="menu-item"
                    disabled={isFull || Object.keys(search).length === 0}
                    onClick={() => setNaming(true)}
                  >
                    {isFull ? `${mostViews} views are kept at most` : 'Save this view…'}
                  </Menu.Item>
                ) : (
                  <Menu.Item
                    className="menu-item"
                    onClick={() => keep(views.filter(({ name }) => name !== shown.name))}
                  >
                    Forget “{shown.name}”
                  </Menu.Item>
                )}
              </Menu.Popup>
            </Menu.Positioner>
          </Menu.Portal>
        </Menu.Root>
      )}
      <NameDialog
        isOpen={isNaming}
        taken={views.map(({ name }) => name)}
        close={() => setNaming(false)}
        save={(name) => {
          keep(withView(savedViews(localStorage), { name, search }));
          setNaming(false);
        }}
      />
    </div>
  );
}

function NameDialog({
  isOpen,
  taken,
  close,
  save,
}: {
  isOpen: boolean;
  taken: readonly string[];
  close: () => void;
  save: (name: string) => void;
}) {
  const [name, setName] = useState('');
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    save(name.trim());
    setName('');
  };
  return (
    <Ask title="Save this view" isOpen={isOpen} close={close}>
      <form className="stack" onSubmit={submit}>
        <Field
          label="Name"
          hint={
            taken.includes(name.trim())
              ? 'It replaces the view of this name.'
              : 'This browser remembers it. To share a view, send its address.'
          }
        >
          {(props) => (
            <input
              {...props}
              required
              // Spaces alone are no name.
              pattern=".*\S.*"
              maxLength={longestName}
              value={name}
              onChange={({ target }) => setName(target.value)}
            />
          )}
        </Field>
        <footer>
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" className="primary">
            Save view
          </button>
        </footer>
      </form>
    </Ask>
  );
}
