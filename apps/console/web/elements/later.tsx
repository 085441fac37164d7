import { Suspense, useState, type ReactNode } from 'react';
import { useIdle } from './use-idle.ts';

/**
 * A menu that is loaded once the page is shown and the browser is idle. A plain button stands in its place before, and looks the
 * same. If somebody is so fast as to press it, the menu is loaded at once and opens.
 */
export function Later({
  button,
  children,
}: {
  button: (press: () => void) => ReactNode;
  children: (isOpen: boolean) => ReactNode;
}) {
  const isIdle = useIdle();
  const [isPressed, setPressed] = useState(false);
  const meanwhile = button(() => setPressed(true));
  return <Suspense fallback={meanwhile}>{isIdle || isPressed ? children(isPressed) : meanwhile}</Suspense>;
}
