import { CatalogError, type FollowedChange } from '@catalog/contracts';
import { type ChangeCursor, writeCursor } from '@catalog/database';
import type { EventStream, SentEvent } from '@catalog/service-kit';
import { pause } from '@catalog/runtime';
import type { NewestChange } from './newest-change.ts';

/** A follower without changes hears this often that it has seen all, with a cursor that does not grow old. */
const position_ms = 5_000;
/** Transactions that the cursor lists as open may have ended, although none has a newer version. */
const openTransactions_ms = 500;
/** After a failed read. */
const retry_ms = 1_000;

interface StreamedPage {
  readonly changes: readonly FollowedChange[];
  readonly next: ChangeCursor;
  readonly hasMore: boolean;
}

interface FollowerStreamOptions {
  readonly stream: EventStream;
  readonly newestChange: NewestChange;
  read(from: ChangeCursor): Promise<StreamedPage>;
}

/** Sends one follower page after page, and then each change as it comes. */
export class FollowerStream {
  readonly #options: FollowerStreamOptions;
  #toldAt_ms = Number.NEGATIVE_INFINITY;

  constructor(options: FollowerStreamOptions) {
    this.#options = options;
  }

  /** Resolves when the stream has ended. */
  async run(first: StreamedPage): Promise<void> {
    const { stream, newestChange, read } = this.#options;
    let page = first;
    while (!stream.ended.aborted) {
      await stream.send(this.#eventsOf(page));
      const { next } = page;
      if (!page.hasMore) {
        const wait_ms = next.seen.snapshot.endsWith(':') ? position_ms : openTransactions_ms;
        await newestChange.beyond(next.seen.newest, wait_ms, stream.ended);
      }
      if (stream.ended.aborted) return;
      try {
        page = await read(next);
      } catch (error) {
        // The client asks again, and gets the refusal as an answer of its own.
        if (error instanceof CatalogError && error.code === 'changes_gone') stream.end();
        else await pause(retry_ms, stream.ended);
        page = { changes: [], next, hasMore: true };
      }
    }
  }

  #eventsOf({ changes, next, hasMore }: StreamedPage): SentEvent[] {
    const events: SentEvent[] = changes.map((change) => ({
      event: 'change',
      id: change.cursor,
      data: change,
    }));
    const now_ms = performance.now();
    // A cursor of the last page continues there. That of the page itself is shorter, and tells that all was seen.
    if (!hasMore && (changes.length > 0 || now_ms - this.#toldAt_ms >= position_ms)) {
      this.#toldAt_ms = now_ms;
      events.push({ event: 'position', id: writeCursor(next), data: {} });
    }
    return events;
  }
}
