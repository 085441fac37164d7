/** Waits for `time_ms`. Resolves at once when the signal aborts, and never rejects. */
export function pause(time_ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, time_ms);
    signal?.addEventListener('abort', end);
  });
}
