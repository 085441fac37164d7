import { useBlocker } from '@tanstack/react-router';

/** Asks before a page with unsaved changes is left. */
export function useUnsavedWarning(isUnsaved: boolean): void {
  useBlocker({
    shouldBlockFn: () => isUnsaved && !confirm('Leave this page? Your changes are not saved.'),
    enableBeforeUnload: isUnsaved,
  });
}
