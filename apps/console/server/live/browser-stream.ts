import type { Response } from 'express';
import type { LiveEvent } from './worker-stream.ts';

/** How long a stream may outlive its session. The beat also keeps proxies from closing an idle connection. */
const beat_ms = 2_000;
/** What a stream may hold back for a browser that does not read. It is then closed, and the browser opens it again. */
const mostUnread_bytes = 512 * 1024;

/** Server-sent events for one browser. */
export class BrowserStream {
  readonly #res: Response;
  readonly #timer: NodeJS.Timeout;

  /** `isAllowed` is asked at every beat, so that a stream ends with its session. */
  constructor(res: Response, isAllowed: () => Promise<boolean>) {
    this.#res = res;
    res.status(200).set({
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    });
    res.flushHeaders();
    res.write('retry: 1000\n\n');
    this.#timer = setInterval(() => {
      void isAllowed().then(
        (allowed) => (allowed ? this.#write(': still here\n\n') : this.end()),
        () => this.end(),
      );
    }, beat_ms);
    res.on('close', () => this.end());
  }

  send({ event, data }: LiveEvent): void {
    if (!this.#isEnded && this.#res.writableLength > mostUnread_bytes) this.#res.destroy();
    this.#write(`event: ${event}\ndata: ${data}\n\n`);
  }

  /** An event, or the answer of `isAllowed`, may come after the end and before the connection closes. Writing then would end the process. */
  #write(text: string): void {
    if (!this.#isEnded) this.#res.write(text);
  }

  get #isEnded(): boolean {
    return this.#res.writableEnded || this.#res.destroyed;
  }

  end(): void {
    clearInterval(this.#timer);
    this.#res.end();
  }
}
