import { shownTrace } from '@catalog/contracts';
import type { EventStream, SentEvent } from '@catalog/service-kit';
import type { ChangeEvent } from './change-broadcast.ts';

export const streamLimits = {
  /** Streams that one worker serves. */
  most: 20,
  /** Of one caller, so that no caller keeps the others out. */
  mostPerCaller: 10,
  /** What a stream may hold back for its reader. A slower reader misses changes, and the stream says how many. */
  unread_bytes: 256 * 1024,
} as const;

/** One reader of the live stream. */
export class LiveChanges {
  readonly #stream: EventStream;
  #missed = 0;

  constructor(stream: EventStream) {
    this.#stream = stream;
  }

  send(events: readonly ChangeEvent[]): void {
    // A slow reader misses changes. Otherwise they would fill our memory.
    if (this.#stream.unread_bytes > streamLimits.unread_bytes) {
      for (const event of events) this.#missed += event.kind === 'more' ? event.count : 1;
      return;
    }
    const all = this.#missed === 0 ? events : [{ kind: 'missed' as const, count: this.#missed }, ...events];
    this.#missed = 0;
    void this.#stream.send(all.map(eventOf));
  }
}

function eventOf({ kind, ...rest }: ChangeEvent | { kind: 'missed'; count: number }): SentEvent {
  const data = 'trace' in rest ? shownTrace(rest.trace) : rest;
  return { event: kind, ...('seq' in data && { id: String(data.seq) }), data };
}
