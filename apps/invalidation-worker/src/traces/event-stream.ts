import { shownTrace } from '@catalog/contracts';
import type { Response } from 'express';
import type { ChangeEvent } from './change-broadcast.ts';

/** Streams that one worker serves. */
export const mostStreams = 20;
/** What a stream may hold back for its reader. A slower reader misses changes, and the stream says how many. */
const mostUnread_bytes = 256 * 1024;
/** Keeps proxies and clients from closing an idle connection. */
const beat_ms = 10_000;

/** One reader of the live stream: server-sent events of the HTML standard. */
export class EventStream {
  readonly #res: Response;
  readonly #timer: NodeJS.Timeout;
  #missed = 0;

  constructor(res: Response) {
    this.#res = res;
    res.status(200).set({
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    });
    res.flushHeaders();
    res.write(': listening\n\n');
    this.#timer = setInterval(() => res.write(': still here\n\n'), beat_ms);
  }

  send(events: readonly ChangeEvent[]): void {
    // A slow reader misses changes. Otherwise they would fill our memory.
    if (this.#res.writableLength > mostUnread_bytes) {
      for (const event of events) this.#missed += event.kind === 'more' ? event.count : 1;
      return;
    }
    const all = this.#missed === 0 ? events : [{ kind: 'missed' as const, count: this.#missed }, ...events];
    this.#missed = 0;
    this.#res.write(all.map(frame).join(''));
  }

  end(): void {
    clearInterval(this.#timer);
    this.#res.end();
  }
}

function frame({ kind, ...rest }: ChangeEvent | { kind: 'missed'; count: number }): string {
  const data = 'trace' in rest ? shownTrace(rest.trace) : rest;
  const id = 'seq' in data ? `id: ${data.seq}\n` : '';
  return `event: ${kind}\n${id}data: ${JSON.stringify(data)}\n\n`;
}
