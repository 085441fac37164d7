import { once } from 'node:events';
import { CatalogError } from '@catalog/contracts';
import type { Request, Response } from 'express';
import { CallerPlaces } from '../rate-limit/caller-places.ts';
import { callerKey } from '../rate-limit/limit-rate.ts';

/** Keeps proxies and clients from closing an idle connection. Many of them wait for a minute, some for 30 s. */
const beat_ms = 10_000;
const retryAfter_s = 5;

export interface EventStreamsOptions {
  /** Aborts when the service begins to stop: a stream has no end of its own, and the server waits for its answers. */
  readonly stopping: AbortSignal;
  /** Streams that this process serves. */
  readonly most: number;
  /** Of them, those of one caller. */
  readonly mostPerCaller: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** The streams of server-sent events (HTML standard, 9.2) of one route, limited in all and for each caller. */
export class EventStreams {
  readonly #options: EventStreamsOptions;
  readonly #places: CallerPlaces;

  constructor(options: EventStreamsOptions) {
    this.#options = options;
    const { most, mostPerCaller } = options;
    this.#places = new CallerPlaces({ what: 'streams', most, mostPerCaller, retryAfter_s });
  }

  /**
   * Call it before work that is needed only for the stream.
   *
   * @throws CatalogError `unavailable` when the service is stopping
   */
  refuseWhileStopping(): void {
    if (this.#options.stopping.aborted)
      throw new CatalogError('unavailable', 'The service is stopping.', { retryAfterSeconds: retryAfter_s });
  }

  /**
   * Answers 200 and keeps the answer open, until the client goes away, the token of the caller ends, or the service stops.
   *
   * @throws CatalogError `unavailable`, `rate_limited`
   */
  open(req: Request, res: Response): EventStream {
    const { stopping, now = Date.now } = this.#options;
    this.refuseWhileStopping();
    const place = this.#places.take(callerKey(req));
    const until_ms = req.caller?.until_ms;
    const stream = new EventStream(res, stopping, until_ms === undefined ? undefined : until_ms - now());
    stream.ended.addEventListener('abort', () => place[Symbol.dispose]());
    return stream;
  }
}

export interface SentEvent {
  readonly event: string;
  /** What the client sends as `Last-Event-ID` when it comes back. Has no line ends. */
  readonly id?: string;
  readonly data: unknown;
}

export class EventStream {
  readonly #res: Response;
  readonly #ended = new AbortController();
  readonly #timers: NodeJS.Timeout[];
  readonly #stopping: AbortSignal;

  constructor(res: Response, stopping: AbortSignal, left_ms: number | undefined) {
    this.#res = res;
    this.#stopping = stopping;
    res.status(200).set({
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    });
    res.flushHeaders();
    res.write(': listening\n\n');
    this.#timers = [setInterval(() => res.write(': still here\n\n'), beat_ms)];
    if (left_ms !== undefined) this.#timers.push(setTimeout(this.end, Math.max(0, left_ms)));
    stopping.addEventListener('abort', this.end);
    res.on('close', this.end);
  }

  /** Aborts when the stream has ended, for whatever reason. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** What the client has not read yet, in bytes. */
  get unread_bytes(): number {
    return this.#res.writableLength;
  }

  /** Resolves when the client has read enough for more to be sent, or the stream has ended. */
  async send(events: readonly SentEvent[]): Promise<void> {
    if (this.ended.aborted || events.length === 0) return;
    if (this.#res.write(events.map(frame).join(''))) return;
    await once(this.#res, 'drain', { signal: this.ended }).catch(() => undefined);
  }

  readonly end = (): void => {
    if (this.ended.aborted) return;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#stopping.removeEventListener('abort', this.end);
    this.#res.removeListener('close', this.end);
    this.#ended.abort();
    this.#res.end();
  };
}

function frame({ event, id, data }: SentEvent): string {
  return `event: ${event}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}
