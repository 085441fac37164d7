import { useEffect, type RefObject } from 'react';

/** ⌘S presses the button that saves the form, unless a dialog is open. A disabled button stays as it is. */
export function useSaveKey(form: RefObject<HTMLFormElement | null>): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== 's' || !(event.metaKey || event.ctrlKey)) return;
      // Otherwise the browser would save the page as a file.
      event.preventDefault();
      if (document.querySelector('.dialog') !== null) return;
      form.current?.querySelector<HTMLButtonElement>('button[type=submit]')?.click();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [form]);
}
