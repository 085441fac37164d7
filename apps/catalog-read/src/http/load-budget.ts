import { CatalogError } from '@catalog/contracts';
import type { Answer, InTurn, ListPage } from '@catalog/cache';
import { CallerTurns } from '@catalog/service-kit';
import { LRUCache } from 'lru-cache';

/** What a caller pays when its read needs Postgres. A read that a cache answers is free, unless its answer is large. */
export const loadCosts = {
  key: 1,
  /**
   * Each so many bytes of a product or a page that is not in the near cache count as one more, also if Redis has them: they are
   * read, copied and stored. Usual products have less.
   */
  bytesOfPoint: 4_096,
  /**
   * Many products of the near cache count too, if they have more bytes than this together: to join and send a megabyte takes as long
   * as hundreds of usual reads.
   */
  freeBytes: 262_144,
  /** An absent key takes room in both caches, and nobody else asks for it. */
  missingKey: 5,
  /** A page, a search, facets, or a page of changes: measured, it takes about as long as ten keys of a batch. */
  page: 10,
  /** Of a page that takes longer than `quickPage_ms`: a search for words that no product has compares them with all words. */
  pageMillisecond: 10,
} as const;

/** Most pages are read in less, also of a large catalog. */
const quickPage_ms = 10;

/**
 * How many reads of one caller run at once. The whole process loads 4 pages and 6 batches of keys at once, and 16 more of each may
 * wait (`limits` of the cache). One caller may not use all of that.
 */
export const placesPerCaller = {
  /** A slow search takes almost a second. With all places that run, one caller would make the pages of all others wait that long. */
  pages: 3,
  /** Reads of many keys. */
  batches: 6,
  /** Single keys that Redis cannot answer. Up to a hundred keys share a query, so these need only one or two places. */
  keys: 100,
  /** Queries that no other read shares: for a SKU at the primary, a version, or an inspected key. */
  queries: 4,
  /** Pages of changes. Three connections read them. */
  changes: 2,
  /** Reads of each kind that may wait: a cache answers most of them in a moment. */
  waiting: 100,
  /** Single keys that may wait. A waiting read holds only its request. */
  waitingKeys: 1_000,
  /** How long a read may wait: as long as a pool lets a query wait for a connection. */
  wait_ms: 2_000,
} as const;

interface Account {
  readonly caller: string;
  points: number;
  at_ms: number;
}

const turnsOf = (what: string, atOnce: number, waiting: number = placesPerCaller.waiting): CallerTurns =>
  new CallerTurns({ what, atOnce, waiting, wait_ms: placesPerCaller.wait_ms });

/** A caller that is forgotten begins with all its points. */
const rememberedCallers = 10_000;

/**
 * What one caller may make Postgres do through this process. The rate limit counts requests, and cannot know which of them
 * the caches answer. Each caller gets a fixed number of points a second, and pays for what its reads have loaded. A caller
 * without points is refused before it loads anything; its near hits are still answered, unless many of them are large.
 */
export class LoadBudget {
  readonly #perSecond: number;
  readonly #now: () => number;
  readonly #accounts = new LRUCache<string, Account>({ max: rememberedCallers });
  /** Of the last caller. Reads of one caller come in rows, and it is the youngest in the LRU list already. */
  #last: Account | undefined;
  readonly #turns = {
    pages: turnsOf('pages', placesPerCaller.pages),
    batches: turnsOf('reads of many keys', placesPerCaller.batches),
    keys: turnsOf('reads of keys', placesPerCaller.keys, placesPerCaller.waitingKeys),
    queries: turnsOf('queries', placesPerCaller.queries),
    changes: turnsOf('pages of changes', placesPerCaller.changes),
  };

  constructor(perSecond: number, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#now = now;
  }

  /**
   * @param read gets `inTurn` for the cache: only a read that Redis cannot answer waits for its turn
   * @throws CatalogError `rate_limited`, also if too many reads of the caller wait
   */
  one(caller: string, read: (inTurn: InTurn) => Promise<Answer>): Promise<Answer> {
    const ofCaller: InTurn = (work, until_ms) => inTurn(this.#turns.keys, caller, until_ms, work);
    return this.#paid(caller, loadCosts.key, () => read(ofCaller), costOf);
  }

  /** False for a caller whose reads `one` refuses. */
  hasPoints(caller: string): boolean {
    return this.#accountOf(caller).points >= Math.min(loadCosts.key, this.#perSecond);
  }

  /** For an answer that Redis had, outside of `one`. Only a large one costs something. */
  pay(caller: string, answer: Pick<Answer, 'source' | 'text'>): void {
    const cost = costOf(answer);
    if (cost > 0) this.#accountOf(caller).points -= cost;
  }

  /**
   * For products that the near cache had.
   *
   * @throws CatalogError `rate_limited`
   */
  payForNear(caller: string, answers: readonly Pick<Answer, 'source' | 'text'>[]): void {
    const cost = costOfNear(answers);
    if (cost > 0) this.#requirePoints(caller, cost).points -= cost;
  }

  /**
   * @param until_ms when the caller gives up, by `performance.now()`
   * @throws CatalogError `rate_limited`, also if too many reads of the caller wait
   */
  many(
    caller: string,
    until_ms: number,
    keys: number,
    read: () => Promise<readonly Answer[]>,
  ): Promise<readonly Answer[]> {
    const cost = (answers: readonly Answer[]) =>
      answers.reduce((sum, answer) => sum + costOf(answer), 0) + costOfNear(answers);
    return inTurn(this.#turns.batches, caller, until_ms, () =>
      this.#paid(caller, keys * loadCosts.key, read, cost),
    );
  }

  /**
   * A query that no other read shares. It counts as a key.
   *
   * @throws as `many`
   */
  query<T>(caller: string, until_ms: number, read: () => Promise<T>): Promise<T> {
    return inTurn(this.#turns.queries, caller, until_ms, () =>
      this.#paid(caller, loadCosts.key, read, () => loadCosts.key),
    );
  }

  /**
   * A page of changes.
   *
   * @throws as `many`
   */
  changes<T>(caller: string, read: () => Promise<T>): Promise<T> {
    return inTurn(this.#turns.changes, caller, Number.POSITIVE_INFINITY, () =>
      this.#paid(caller, loadCosts.page, read, () => loadCosts.page),
    );
  }

  /**
   * Reads a page of a list. The caller pays by the time that Postgres takes, because searches differ a hundredfold.
   *
   * @param read gets `load`, and calls it with each query for Postgres, so that the query is timed
   * @throws as `many`
   */
  search(
    caller: string,
    until_ms: number,
    read: (load: <T>(query: () => Promise<T>) => Promise<T>) => Promise<ListPage>,
  ): Promise<ListPage> {
    const account = this.#accountOf(caller);
    const load = async <T>(query: () => Promise<T>): Promise<T> => {
      const began_ms = this.#now();
      try {
        return await query();
      } finally {
        const took_ms = this.#now() - began_ms;
        account.points -= Math.max(0, took_ms - quickPage_ms) * loadCosts.pageMillisecond;
      }
    };
    const cost = (page: ListPage) => (wasLoaded(page) ? loadCosts.page : 0) + ofSize(page.payload.length);
    return inTurn(this.#turns.pages, caller, until_ms, () =>
      this.#paid(caller, loadCosts.page, () => read(load), cost),
    );
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
    const account = this.#requirePoints(caller, points);
    account.points -= points;
    const found = await read();
    account.points += points - costOf(found);
    return found;
  }

  #requirePoints(caller: string, points: number): Account {
    const account = this.#accountOf(caller);
    if (account.points < Math.min(points, this.#perSecond))
      throw new CatalogError(
        'rate_limited',
        `At most ${this.#perSecond} keys a second may be loaded from Postgres for one caller. A key that does not exist counts as ${loadCosts.missingKey}, a page of a list as ${loadCosts.page} and as more if it takes long. Large answers count as more.`,
        { retryAfterSeconds: 1 },
      );
    return account;
  }

  #accountOf(caller: string): Account {
    const now_ms = this.#now();
    const account = this.#last?.caller === caller ? this.#last : this.#accounts.get(caller);
    if (account === undefined) {
      const opened = { caller, points: this.#perSecond, at_ms: now_ms };
      this.#accounts.set(caller, opened);
      this.#last = opened;
      return opened;
    }
    this.#last = account;
    const earned = ((now_ms - account.at_ms) / 1_000) * this.#perSecond;
    account.points = Math.min(this.#perSecond, account.points + earned);
    account.at_ms = now_ms;
    return account;
  }
}

async function inTurn<T>(
  turns: CallerTurns,
  caller: string,
  until_ms: number,
  read: () => Promise<T>,
): Promise<T> {
  using _turn = await turns.take(caller, until_ms);
  return await read();
}

/** What a read of one key has cost. */
function costOf(answer: Pick<Answer, 'source' | 'text'>): number {
  const { source, text } = answer;
  if (text === null) return wasLoaded(answer) ? loadCosts.missingKey : 0;
  if (source === 'near') return 0;
  return (wasLoaded(answer) ? loadCosts.key : 0) + ofSize(text.length);
}

const bytesOf = (answers: readonly Pick<Answer, 'text'>[]): number =>
  answers.reduce((sum, { text }) => sum + (text?.length ?? 0), 0);

/** What those of the near cache have cost. */
const costOfNear = (answers: readonly Pick<Answer, 'source' | 'text'>[]): number =>
  isLarge(answers) ? ofSize(bytesOf(answers.filter(({ source }) => source === 'near'))) : 0;

/** Whether products of the near cache cost something. */
export const isLarge = (answers: readonly Pick<Answer, 'text'>[]): boolean =>
  bytesOf(answers) > loadCosts.freeBytes;

const ofSize = (bytes: number): number => Math.floor(bytes / loadCosts.bytesOfPoint);

const wasLoaded = ({ source }: Pick<Answer, 'source'>): boolean => source === 'stored' || source === 'bypass';
