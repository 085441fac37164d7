/**
 * The live stream of the console, which all tabs of a browser share. Over HTTP/1.1 a browser opens six connections to a server,
 * and each stream keeps one, so with a stream in each tab the seventh tab would get no answer. The tab that holds the lock reads
 * the stream and tells the others. When it is closed, the lock goes to another tab.
 */

export interface Told {
  readonly name: string;
  readonly data: unknown;
}

const reconnect_ms = 5_000;

/** `link` says whether changes arrive. @returns closes it */
export function openLiveStream(names: readonly string[], hear: (told: Told) => void): () => void {
  const closed = new AbortController();
  const tabs = new BroadcastChannel('live');
  /** For tabs that are opened later. Only the tab that reads the stream knows it. */
  let link: Told | undefined;

  const send = (told: Told): void =>
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- only our own tabs are on the channel
    tabs.postMessage(told);
  const tell = (told: Told): void => {
    if (told.name === 'link') link = told;
    send(told);
    hear(told);
  };

  const read = (): Promise<void> =>
    new Promise((resolve) => {
      let source: EventSource;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const connect = (): void => {
        source = new EventSource('/api/live');
        for (const name of ['link', ...names])
          source.addEventListener(name, ({ data }: MessageEvent<string>) =>
            tell({ name, data: JSON.parse(data) }),
          );
        source.addEventListener('error', () => {
          tell({ name: 'link', data: { open: false } });
          // The browser tries again by itself, except after an answer that is an error, such as an ended session.
          if (source.readyState === EventSource.CLOSED) timer = setTimeout(connect, reconnect_ms);
        });
      };
      connect();
      closed.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        source.close();
        resolve();
      });
    });

  tabs.addEventListener('message', ({ data }: MessageEvent<Told>) => {
    if (data.name !== 'asked') hear(data);
    else if (link !== undefined) send(link);
  });
  send({ name: 'asked', data: null });
  // It fails only if this tab closes the stream before it gets the lock.
  navigator.locks.request('live', { signal: closed.signal }, read).catch(() => undefined);
  return () => {
    closed.abort();
    tabs.close();
  };
}
