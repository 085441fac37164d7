import { CatalogUnavailable } from '../errors.ts';

export interface ReceivedEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: string;
}

/** The catalog sends something every 10 s. A stream that is silent for longer is broken, or a proxy holds it back. */
const silence_ms = 30_000;
/** The longest event is a product with all its attributes. A stream that sends more without the end of an event is not ours. */
const longest = 4 * 1024 * 1024;

/**
 * Server-sent events (HTML standard, 9.2), in the form that the catalog writes: one line for each field. Those that arrive
 * together come together. Ends with the stream.
 *
 * @throws CatalogUnavailable `unreachable` when the connection breaks or is silent
 */
export async function* readEvents(response: Response, signal: AbortSignal): AsyncGenerator<ReceivedEvent[]> {
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const cancel = () => void reader.cancel().catch(() => undefined);
  signal.addEventListener('abort', cancel);
  let text = '';
  try {
    while (!signal.aborted) {
      const chunk = await withinSilence(() => reader.read());
      if (chunk.done) return;
      const frames = (text + chunk.value).split('\n\n');
      text = frames.pop() ?? '';
      if (text.length > longest)
        throw new CatalogUnavailable('unreachable', 'The stream of changes sends no events.');
      const events = frames.flatMap(eventOf);
      if (events.length > 0) yield events;
    }
  } catch (error) {
    if (error instanceof CatalogUnavailable) throw error;
    throw new CatalogUnavailable('unreachable', 'The stream of changes broke off.', { cause: error });
  } finally {
    signal.removeEventListener('abort', cancel);
    cancel();
  }
}

async function withinSilence<T>(read: () => Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      reject(
        new CatalogUnavailable(
          'unreachable',
          `The stream of changes was silent for ${silence_ms / 1_000} s.`,
        ),
      ),
    silence_ms,
  );
  try {
    return await Promise.race([read(), promise]);
  } finally {
    clearTimeout(timer);
  }
}

function eventOf(frame: string): ReceivedEvent[] {
  const fields = new Map(
    frame.split('\n').map((line): [string, string] => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)];
    }),
  );
  const event = fields.get('event');
  return event === undefined ? [] : [{ event, id: fields.get('id'), data: fields.get('data') ?? '' }];
}
