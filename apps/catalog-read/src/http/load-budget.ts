import { CatalogError } from '@catalog/contracts';
import type { Answer, ListPage } from '@catalog/cache';
import { bulkhead, BulkheadRejectedError, type BulkheadPolicy } from 'cockatiel';
import { LRUCache } from 'lru-cache';

/** What a caller pays when its read needs Postgres. A read that a cache answers is free. */
export const loadCosts = {
  key: 1,
  /** An absent key takes room in both caches, and nobody else asks for it. */
  missingKey: 5,
  /** A page, a search or facets: measured, about as long as ten keys of a batch. */
  page: 10,
} as const;

export const searchLimits = {
  /**
   * Pages that are read for one caller at once. Four loads run at once and sixteen wait (`limits` of the cache), so one caller
   * leaves places for others.
   */
  simultaneousOfOne: 12,
  /** More of them wait, since most pages come from a cache in a moment. */
  waitingOfOne: 100,
} as const;

interface Account {
  points: number;
  at_ms: number;
  readonly searches: BulkheadPolicy;
}

/** A caller that is forgotten begins with all its points. */
const rememberedCallers = 10_000;

/**
 * What one caller may make Postgres do through this process. The rate limit counts requests, and cannot know which of them
 * the caches answer. Each caller has so many points a second, and pays for what its reads have loaded. A caller without
 * points is refused before it loads anything; its near hits are still answered.
 */
export class LoadBudget {
  readonly #perSecond: number;
  readonly #now: () => number;
  readonly #accounts = new LRUCache<string, Account>({ max: rememberedCallers });

  constructor(perSecond: number, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#now = now;
  }

  /** @throws CatalogError `rate_limited` */
  one(caller: string, read: () => Promise<Answer>): Promise<Answer> {
    return this.#paid(caller, loadCosts.key, read, costOf);
  }

  /** @throws CatalogError `rate_limited` */
  many(caller: string, keys: number, read: () => Promise<readonly Answer[]>): Promise<readonly Answer[]> {
    return this.#paid(caller, keys * loadCosts.key, read, (answers) =>
      answers.reduce((sum, answer) => sum + costOf(answer), 0),
    );
  }

  /**
   * Reads a page of a list.
   *
   * @throws CatalogError `rate_limited`, also if too many pages wait for the caller
   */
  async search(caller: string, read: () => Promise<ListPage>): Promise<ListPage> {
    const paid = () =>
      this.#paid(caller, loadCosts.page, read, (page) => (wasLoaded(page) ? loadCosts.page : 0));
    try {
      return await this.#accountOf(caller).searches.execute(paid);
    } catch (error) {
      if (!(error instanceof BulkheadRejectedError)) throw error;
      throw new CatalogError(
        'rate_limited',
        `This caller waits for ${searchLimits.waitingOfOne} lists and searches, the most that it may have.`,
        { retryAfterSeconds: 1 },
      );
    }
  }

  /**
   * Takes the points before the read, and gives back those that it did not use. Otherwise a caller could begin any number of
   * reads before it has paid for the first one.
   * A read that fails may have cost as much as one that did not.
   */
  async #paid<T>(
    caller: string,
    points: number,
    read: () => Promise<T>,
    costOf: (found: T) => number,
  ): Promise<T> {
    const account = this.#accountOf(caller);
    if (account.points < Math.min(points, this.#perSecond))
      throw new CatalogError(
        'rate_limited',
        `At most ${this.#perSecond} keys a second may be loaded from Postgres for one caller. A key that does not exist counts as ${loadCosts.missingKey}, a page of a list as ${loadCosts.page}.`,
        { retryAfterSeconds: 1 },
      );
    account.points -= points;
    const found = await read();
    account.points += points - costOf(found);
    return found;
  }

  #accountOf(caller: string): Account {
    const now_ms = this.#now();
    let account = this.#accounts.get(caller);
    if (account === undefined) {
      account = {
        points: this.#perSecond,
        at_ms: now_ms,
        searches: bulkhead(searchLimits.simultaneousOfOne, searchLimits.waitingOfOne),
      };
      this.#accounts.set(caller, account);
      return account;
    }
    const earned = ((now_ms - account.at_ms) / 1_000) * this.#perSecond;
    account.points = Math.min(this.#perSecond, account.points + earned);
    account.at_ms = now_ms;
    return account;
  }
}

/** What a read of one key has cost. */
function costOf(answer: Pick<Answer, 'source' | 'text'>): number {
  if (!wasLoaded(answer)) return 0;
  return answer.text === null ? loadCosts.missingKey : loadCosts.key;
}

const wasLoaded = ({ source }: Pick<Answer, 'source'>): boolean => source === 'stored' || source === 'bypass';
