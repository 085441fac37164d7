import { useRouter } from '@tanstack/react-router';
import type { MouseEvent } from 'react';

/**
 * For an element with many plain links to pages of the app: one listener follows them all without loading the document again. A
 * router's own link in each row of a table is many times as slow, and a person waits for all of them.
 */
export function useRowLinks(): { readonly onClick: (event: MouseEvent) => void } {
  const router = useRouter();
  return {
    onClick(event) {
      const { target, button, metaKey, ctrlKey, shiftKey, altKey } = event;
      const link = target instanceof Element ? target.closest('a') : null;
      // These open another tab or window, or save the page.
      if (link === null || button !== 0 || metaKey || ctrlKey || shiftKey || altKey) return;
      event.preventDefault();
      router.history.push(link.pathname + link.search);
    },
  };
}
