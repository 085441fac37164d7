import { lazy, Suspense } from 'react';
import type { AskProps } from './ask-dialog.tsx';
import { useIdle } from './use-idle.ts';

const AskDialog = lazy(async () => ({ default: (await import('./ask-dialog.tsx')).AskDialog }));

/**
 * A dialog with a title. Escape and a click beside it close it. Nobody needs it before the page is shown, so it is loaded when
 * the browser is idle, or when it opens.
 */
export function Ask(props: AskProps) {
  const isIdle = useIdle();
  return <Suspense>{(isIdle || props.isOpen) && <AskDialog {...props} />}</Suspense>;
}
