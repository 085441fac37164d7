import { useEffect, useState } from 'react';

/** True once the page is shown and the browser has nothing else to do. */
export function useIdle(): boolean {
  const [isIdle, setIdle] = useState(false);
  useEffect(() => {
    const settle = (): void => setIdle(true);
    // Safari has no idle callback.
    if (!('requestIdleCallback' in globalThis)) {
      const timer = setTimeout(settle, 200);
      return () => clearTimeout(timer);
    }
    const waiting = requestIdleCallback(settle, { timeout: 1_000 });
    return () => cancelIdleCallback(waiting);
  }, []);
  return isIdle;
}
