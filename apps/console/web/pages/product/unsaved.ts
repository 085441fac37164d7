import { useBlocker } from '@tanstack/react-router';

/** Asks before a page with unsaved changes is left. */
export function useUnsavedWarning(isUnsaved: boolean, what = 'Your changes are not saved.'): void {
  useBlocker({
    shouldBlockFn: () => isUnsaved && !confirm(`Leave this page? ${what}`),
    enableBeforeUnload: isUnsaved,
  });
}
