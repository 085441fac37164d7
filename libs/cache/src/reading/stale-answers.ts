import type { NearCache } from '../near-cache/near-cache.ts';
import { Answer } from './answer.ts';
import type { BatchLoader } from './batch-loader.ts';
import type { Patience } from './flights.ts';
import { answerOf, textOf } from './found-text.ts';
import type { AskedEntry, FillEvents, LeaseLoadFill } from './lease-load-fill.ts';
import type { MonotonicReads } from './monotonic-reads.ts';
import type { Place } from './place.ts';

interface StaleAnswersParts {
  readonly near: NearCache;
  readonly monotonic: MonotonicReads;
  readonly now: () => number;
  readonly events: FillEvents;
}

/** Answers for the time in which the primary cannot be read. Each is marked stale, and none is kept. */
export class StaleAnswers<Body extends object> {
  readonly #entity: string;
  readonly #parts: StaleAnswersParts;
  readonly #fillPath: Pick<LeaseLoadFill, 'readUnproved'>;
  readonly #standby: Pick<BatchLoader, 'load'> | undefined;

  /** @param standby reads a standby of Postgres */
  constructor(
    entity: string,
    parts: StaleAnswersParts,
    fillPath: Pick<LeaseLoadFill, 'readUnproved'>,
    standby?: Pick<BatchLoader, 'load'>,
  ) {
    this.#entity = entity;
    this.#parts = parts;
    this.#fillPath = fillPath;
    this.#standby = standby;
  }

  /** What a cache still holds, or else a standby; undefined if this process has served something newer. */
  async find(
    place: Place,
    entry: AskedEntry | undefined,
    key: string,
    patience: Readonly<Patience>,
  ): Promise<Answer<Body> | undefined> {
    return (await this.#ofCaches(place, entry)) ?? (await this.#ofStandby(place, key, patience));
  }

  /** The newest copy that any cache still holds. */
  async #ofCaches(place: Place, entry: AskedEntry | undefined): Promise<Answer<Body> | undefined> {
    const { near, monotonic, now } = this.#parts;
    const { cacheKey } = place;
    const copies: Answer<Body>[] = [];
    const found = entry ?? (await this.#fillPath.readUnproved(place));
    if (found !== undefined && found.state !== 'absent') {
      const stamp = 'stamp' in found ? found.stamp : undefined;
      copies.push(answerOf(textOf(found), now(), found.age_ms, 'stale', stamp));
    }
    const kept = near.getStale(cacheKey);
    if (kept !== undefined) copies.push(Answer.ofNear(kept, now(), 'stale'));
    return copies
      .filter(({ version }) => monotonic.permits(cacheKey, version))
      .toSorted((a, b) => b.version - a.version)[0];
  }

  /** A row that a standby lacks may only not have arrived there yet, so its absence is no answer. */
  async #ofStandby(
    { cacheKey }: Place,
    key: string,
    patience: Readonly<Patience>,
  ): Promise<Answer<Body> | undefined> {
    const { monotonic, now, events } = this.#parts;
    try {
      const read = await this.#standby?.load(key, patience);
      if (read === undefined || read.payload === null) return undefined;
      return monotonic.permits(cacheKey, read.version)
        ? answerOf(textOf(read), now(), 0, 'stale')
        : undefined;
    } catch (error) {
      events.loadFailed(this.#entity, error);
      return undefined;
    }
  }
}
