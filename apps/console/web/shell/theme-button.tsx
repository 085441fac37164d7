import type { ComponentProps } from 'react';

/** The button that opens the menu of colours. It stands in its place before the menu is loaded. */
export const ThemeButton = (props: ComponentProps<'button'>) => (
  <button type="button" className="quiet" aria-label="Colours of this page" title="Colours" {...props}>
    <svg viewBox="0 0 16 16" className="icon" aria-hidden="true">
      <path d="M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12" />
    </svg>
  </button>
);
