import type { Freshness } from '../channel/freshness.ts';
import type { CacheBreaker } from '../redis/cache-breaker.ts';
import type { CacheConnection } from '../redis/cache-connection.ts';
import { generationKey } from '../redis/entry-store.ts';
import { timings } from '../timings.ts';
import { hashOfKey } from '../near-cache/key-hash.ts';
import { HeaderFields } from './header-fields.ts';
import type { Place } from './place.ts';
import { ReadWaves } from './read-waves.ts';

/** An entry that Redis holds and that may be served as it is. */
export interface FreshEntry {
  readonly version: number;
  /** The payload as `latin1`, in memory of its own; null if there is no such row. */
  readonly text: string | null;
  readonly age_ms: number;
  readonly freshFor_ms: number;
}

type ReadConnection = Pick<
  CacheConnection,
  'incarnation' | 'requireStoreIdentity' | 'readMany' | 'noticeRoleChange'
>;

interface TurnReadsParts {
  readonly connection: ReadConnection;
  readonly breaker: CacheBreaker;
  readonly freshness: Freshness;
}

type NamedKey = Pick<Place, 'name' | 'cacheKey'>;

/** What a caller makes of the bytes in Redis; undefined if it cannot use them. */
type Judge<Found> = (raw: Buffer, place: NamedKey, incarnation: string, now_ms: number) => Found | undefined;

/** A read that waits for the end of the turn. All callers of its key share it. */
interface TurnRead<Found> extends PromiseWithResolvers<Found | undefined> {
  readonly place: NamedKey;
  readonly judge: Judge<Found>;
}

/**
 * Reads of Redis that are made in one turn of the event loop share one MGET. It answers hits only: what is missing,
 * leased, stale or due for refresh is the work of `read_or_lease`, which one script call for each such key does.
 *
 * The race: a server may be demoted, copy another server's data and be promoted again while the connection stays open.
 * So INFO follows the reads on the same connection. A promotion draws a new random replication id, so an id never comes
 * back. If the server had the id when this connection learned it, and has it after the reads, it had it during the
 * reads. An INFO before the reads would prove nothing about them.
 */
export class TurnReads {
  readonly #parts: TurnReadsParts;
  readonly #waves: ReadWaves;
  /** By hash. */
  #waiting = new Map<number, TurnRead<unknown>>();

  /** @param waves shared by all servers of the cache */
  constructor(parts: TurnReadsParts, waves = new ReadWaves()) {
    this.#parts = parts;
    this.#waves = waves;
  }

  /**
   * @param hash `hashOfKey` of its key, if the caller has it
   * @returns undefined if only `read_or_lease` can decide what to do with the key
   * @throws CacheUnavailable; an error of the breaker; ioredis errors if Redis fails or is late
   */
  read(place: Place, hash = hashOfKey(place.cacheKey)): Promise<FreshEntry | undefined> {
    return this.#join(place, hash, servable as Judge<FreshEntry>);
  }

  /**
   * The current generation of a list.
   *
   * @returns undefined if only `read_page_or_lease` can decide about its pages
   * @throws as `read`
   */
  readGeneration(list: string): Promise<string | undefined> {
    const cacheKey = generationKey(list);
    return this.#join({ name: list, cacheKey }, hashOfKey(cacheKey), generationIn);
  }

  /** Each key has one judge, so all that wait for a key want the same. */
  #join<Found>(place: NamedKey, hash: number, judge: Judge<Found>): Promise<Found | undefined> {
    const present = this.#waiting.get(hash) as TurnRead<Found> | undefined;
    if (present?.place.cacheKey === place.cacheKey) return present.promise;
    // Another key with this hash.
    if (present !== undefined) return this.#join(place, hash + 1, judge);
    const { promise, resolve, reject } = Promise.withResolvers<Found | undefined>();
    if (this.#waiting.size === 0) this.#waves.join(() => this.#send());
    this.#waiting.set(hash, { place, judge, promise, resolve, reject } as TurnRead<unknown>);
    return promise;
  }

  async #send(): Promise<void> {
    const reads = [...this.#waiting.values()];
    this.#waiting = new Map();
    const { connection, breaker, freshness } = this.#parts;
    try {
      // Outside the breaker: no call is made, so nothing is learned about Redis.
      const { incarnation, replicationId } = connection.requireStoreIdentity();
      const isFresh = freshness.beforeAsking(incarnation);
      const isSetAside = reads.map(({ place }) => freshness.isSetAside(place));
      const found = await breaker.execute(() =>
        connection.readMany(reads.map(({ place }) => place.cacheKey)),
      );
      if (found.replicationId !== replicationId) throw new Error(otherIncarnation);
      const mayServe = connection.incarnation === incarnation && isFresh();
      for (const [index, { place, judge, resolve }] of reads.entries()) {
        const raw = found.values[index];
        const isReadable = mayServe && raw !== undefined && raw !== null && isSetAside[index] === false;
        resolve(isReadable ? judge(raw, place, incarnation, found.now_ms) : undefined);
      }
    } catch (error) {
      connection.noticeRoleChange(error);
      // Redis has refused one of the keys. The scripts ask for each key alone, so that one key never fails another.
      const isRefusal = error instanceof Error && error.message.startsWith('NOPERM');
      for (const { resolve, reject } of reads) {
        if (isRefusal) resolve(undefined);
        else reject(error);
      }
    }
  }
}

const otherIncarnation = 'OTHERINCARNATION this server is in another incarnation than the reader expects';

/** What `read_generation` in `lua/generation.lua` finds. That file has the layout. */
function generationIn(
  raw: Buffer,
  _place: NamedKey,
  incarnation: string,
  now_ms: number,
): string | undefined {
  const [current = '', began, next = '', nextAt] = raw.toString('latin1').split('|');
  if (!current.startsWith(incarnation)) return undefined;
  return next !== '' && (now_ms >= Number(nextAt) || now_ms < Number(began)) ? next : current;
}

/** The same conditions under which `read_or_lease` answers an entry without a lease. `lua/entry.lua` has the layout. */
function servable(
  raw: Buffer,
  { payloadSchema }: Place,
  incarnation: string,
  now_ms: number,
): FreshEntry | undefined {
  const fields = new HeaderFields(raw);
  if (!fields.is('1')) return undefined;
  const isMissing = raw[2] === missingState;
  if (!fields.is(isMissing ? 'M' : 'V')) return undefined;
  const version = fields.number();
  const stored_ms = fields.number();
  const freshUntil_ms = fields.number();
  // The last of them is the token of a lease.
  if (!fields.is(incarnation) || fields.number() !== payloadSchema || !fields.is('')) return undefined;
  if (!(now_ms < freshUntil_ms - (freshUntil_ms - stored_ms) * timings.refreshAhead)) return undefined;
  const end = raw.indexOf(lineEnd);
  if (end < 0) return undefined;
  return {
    version,
    text: isMissing ? null : raw.toString('latin1', end + 1),
    age_ms: now_ms - stored_ms,
    freshFor_ms: freshUntil_ms - now_ms,
  };
}

const missingState = 'M'.charCodeAt(0);
const lineEnd = '\n'.charCodeAt(0);
