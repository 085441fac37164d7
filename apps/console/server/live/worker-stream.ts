import { OPERATE_SCOPE } from '@catalog/contracts';
import { pause } from '@catalog/runtime';
import type { ServiceCaller } from '../services/caller.ts';

export interface LiveEvent {
  /** `applied`, `refreshed`, `more` and `missed` as the worker sends them; `link` says whether its stream is open. */
  readonly event: string;
  readonly data: string;
}

/** After a broken stream. A worker that starts again is back within seconds. */
const again_ms = 1_000;
/** The stream ends with its token, and is opened again. */
const longest_ms = 240_000;

/** The worker's live stream, opened once for all browsers and only while somebody listens. */
export class WorkerStream {
  readonly #caller: ServiceCaller;
  readonly #listeners = new Set<(event: LiveEvent) => void>();
  #running: AbortController | undefined;
  #isOpen = false;

  constructor(caller: ServiceCaller) {
    this.#caller = caller;
  }

  /** @returns a function that removes the listener */
  listen(listener: (event: LiveEvent) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#link());
    if (this.#running === undefined) void this.#run((this.#running = new AbortController()).signal);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#running?.abort();
      this.#running = undefined;
      this.#isOpen = false;
    };
  }

  #link(): LiveEvent {
    return { event: 'link', data: JSON.stringify({ open: this.#isOpen }) };
  }

  #tell(event: LiveEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #open(isOpen: boolean): void {
    if (this.#isOpen === isOpen) return;
    this.#isOpen = isOpen;
    this.#tell(this.#link());
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#read(signal);
      } catch {
        // The worker is away, or its token has ended. The overview names the cause.
      }
      if (signal.aborted) return;
      this.#open(false);
      await pause(again_ms, signal).catch(() => undefined);
    }
  }

  async #read(signal: AbortSignal): Promise<void> {
    const response = await this.#caller.call({
      service: 'invalidation-worker',
      method: 'GET',
      path: '/v1/changes/stream',
      scope: OPERATE_SCOPE,
      username: 'live',
      headers: { Accept: 'text/event-stream' },
      timeout_ms: longest_ms,
      tokenLifetime_s: longest_ms / 1_000,
      signal,
    });
    if (!response.ok || response.body === null) return;
    this.#open(true);
    let rest = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const frames = (rest + chunk).split('\n\n');
      rest = frames.pop() ?? '';
      for (const frame of frames) {
        const event = /^event: (\w+)$/m.exec(frame)?.[1];
        const data = /^data: (.*)$/m.exec(frame)?.[1];
        if (event !== undefined && data !== undefined) this.#tell({ event, data });
      }
    }
  }
}
