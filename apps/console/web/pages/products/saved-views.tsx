import { lazy } from 'react';
import { Later } from '../../elements/later.tsx';
import { savedViews, type SavedViewsProps, viewOf, viewsText } from './view-store.ts';

const ViewMenu = lazy(async () => ({ default: (await import('./view-menu.tsx')).ViewMenu }));

/** A menu of named filters that this browser remembers. On another computer, the address of the page opens the same view. */
export function SavedViews(props: SavedViewsProps) {
  return (
    <Later
      button={(press) => (
        <button type="button" aria-haspopup="menu" onClick={press}>
          {viewsText(viewOf(props.search, savedViews(localStorage)))}
        </button>
      )}
    >
      {(isOpen) => <ViewMenu {...props} isOpen={isOpen} />}
    </Later>
  );
}
