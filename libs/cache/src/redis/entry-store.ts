import { randomUUID } from 'node:crypto';
import { runScriptForBuffers, type Script } from '@catalog/redis';
import { timings } from '../timings.ts';
import type { CacheConnection } from './cache-connection.ts';
import { scripts } from './scripts.ts';

export type EntryState = 'value' | 'missing' | 'dead' | 'absent';

/** What Redis holds under a key, as a script answers it. */
export interface Entry {
  readonly state: EntryState;
  readonly version: number;
  readonly age_ms: number;
  /** Negative once the soft TTL has passed. */
  readonly freshFor_ms: number;
  readonly payload: Buffer;
}

/** A reader presents this when it fills a key. It ties the fill to the moment at which the reader asked Redis. */
export interface Grant {
  /** The token of the lease; '' if none was granted. */
  readonly token: string;
  readonly incarnation: string;
  /** What the entry is stamped with: the incarnation, or for a page of a list the generation. */
  readonly stamp: string;
}

export interface LeasedEntry extends Entry {
  readonly lease: 'granted' | 'not-needed' | 'busy';
  readonly grant: Grant;
}

/** What Postgres holds of a key: a payload, or null if there is no row. */
export interface PrimaryRead {
  readonly version: number;
  readonly payload: Buffer | null;
}

/** An entry whose incarnation may be another one than that of the stores. */
export interface UnprovedEntry extends Entry {
  /** The incarnation in which it was stored. */
  readonly stamp: string;
}

export interface InspectedEntry {
  readonly state: EntryState | 'unreadable';
  /** Only of a value. */
  readonly payload?: Buffer;
  readonly version?: number;
  readonly age_ms?: number;
  readonly freshFor_ms?: number;
  readonly ttl_ms?: number;
  readonly payloadSchema?: number;
  readonly isOfThisIncarnation?: boolean;
  readonly isLeased?: boolean;
}

/** An entry as Redis stores it. Times are by the clock of Redis. */
export interface StoredEntry {
  readonly state: EntryState;
  readonly version: number;
  readonly storedAt_ms: number;
  readonly freshUntil_ms: number;
  readonly payloadSchema: number;
  readonly isOfThisIncarnation: boolean;
  /** 0 without a lease. */
  readonly leaseUntil_ms: number;
  readonly payload: Buffer;
}

export const withoutLease = (incarnation: string): Grant => ({ token: '', incarnation, stamp: incarnation });

const states: Record<string, EntryState> = { V: 'value', M: 'missing', D: 'dead', A: 'absent' };
const leases = { '1': 'granted', '0': 'not-needed', '-1': 'busy' } as const;

/** The part of CacheConnection that this needs. */
type EntryConnection = Pick<
  CacheConnection,
  | 'redis'
  | 'incarnation'
  | 'databaseMayHaveGoneBack'
  | 'requireIncarnation'
  | 'requireStoreIdentity'
  | 'noticeRoleChange'
  | 'time_ms'
>;

/** The scripts that read, lease and fill an entry, with types. */
export class EntryStore {
  readonly #connection: EntryConnection;

  constructor(connection: EntryConnection) {
    this.#connection = connection;
  }

  get incarnation(): string | undefined {
    return this.#connection.incarnation;
  }

  /** @throws CacheUnavailable */
  requireIncarnation(): string {
    return this.#connection.requireIncarnation();
  }

  /**
   * @param token of the lease, if one is granted
   * @throws CacheUnavailable; ioredis errors if Redis fails, is late, or is in another incarnation
   */
  async readOrLease(key: string, payloadSchema: number, token: string): Promise<LeasedEntry> {
    const { incarnation, replicationId } = this.#connection.requireStoreIdentity();
    const args = [incarnation, payloadSchema, token, timings.lease_ms, timings.refreshAhead, replicationId];
    const [state, version, age_ms, freshFor_ms, payload, lease] = await this.#run(
      scripts.readOrLease,
      [key],
      args,
    );
    return {
      ...entryOf(state, version, age_ms, freshFor_ms, payload),
      lease: leases[lease],
      grant: { token: lease === 1 ? token : '', incarnation, stamp: incarnation },
    };
  }

  /**
   * As `readOrLease`, for a page that counts only in the current generation of its list.
   *
   * @throws as `readOrLease`
   */
  async readPageOrLease(
    list: string,
    key: string,
    payloadSchema: number,
    token: string,
  ): Promise<LeasedEntry> {
    const { incarnation, replicationId } = this.#connection.requireStoreIdentity();
    const [state, version, age_ms, freshFor_ms, payload, lease, generation] = await this.#run(
      scripts.readPageOrLease,
      [generationKey(list), key],
      [
        incarnation,
        payloadSchema,
        token,
        timings.lease_ms,
        timings.refreshAhead,
        replicationId,
        newGeneration(incarnation),
      ],
    );
    return {
      ...entryOf(state, version, age_ms, freshFor_ms, payload),
      lease: leases[lease],
      grant: { token: lease === 1 ? token : '', incarnation, stamp: generation.toString() },
    };
  }

  /**
   * @param grant of the read before. Nothing is filled if the incarnation has changed since.
   * @param ttl_ms after this time Redis removes the entry
   * @returns whether it was stored, and the newer entry that stood in the way, if any
   * @throws as `readOrLease`
   */
  async fill(
    key: string,
    payloadSchema: number,
    { token, incarnation, stamp }: Grant,
    { version, payload }: PrimaryRead,
    fresh_ms: number,
    ttl_ms: number = payload === null ? fresh_ms : timings.hardTtl_ms,
  ): Promise<{ stored: boolean; newer: Entry | undefined }> {
    if (incarnation !== this.#connection.requireIncarnation()) return { stored: false, newer: undefined };
    const [stored, state, storedVersion, age_ms, freshFor_ms, present] = await this.#run(
      scripts.fill,
      [key],
      [
        stamp,
        payloadSchema,
        token,
        payload === null ? 'M' : 'V',
        version,
        Math.round(fresh_ms),
        Math.round(ttl_ms),
        payload ?? '',
      ],
    );
    const entry = entryOf(state, storedVersion, age_ms, freshFor_ms, present);
    return { stored: stored === 1, newer: stored === 0 && entry.state !== 'absent' ? entry : undefined };
  }

  /**
   * Ends the lease of the grant, if it has one.
   *
   * @returns false if there is no such lease any more
   * @throws ioredis errors
   */
  async endLease(key: string, { token, incarnation, stamp }: Grant): Promise<boolean> {
    if (token === '' || incarnation !== this.#connection.incarnation) return false;
    return (await this.#run(scripts.endLease, [key], [stamp, token])) === 1;
  }

  /** What a key holds, for people. It takes no lease and changes nothing. */
  async inspect(key: string): Promise<InspectedEntry> {
    const { redis } = this.#connection;
    this.#connection.requireIncarnation();
    const [entry, ttl_ms, now_ms] = await Promise.all([
      this.peek(key),
      redis.pttl(key),
      this.#connection.time_ms(),
    ]);
    if (entry === 'absent') return { state: 'absent' };
    if (entry === 'unreadable') return { state: 'unreadable', ttl_ms };
    return {
      state: entry.state,
      ...(entry.state === 'value' && { payload: entry.payload }),
      version: entry.version,
      age_ms: now_ms - entry.storedAt_ms,
      freshFor_ms: entry.freshUntil_ms - now_ms,
      ttl_ms,
      payloadSchema: entry.payloadSchema,
      isOfThisIncarnation: entry.isOfThisIncarnation,
      isLeased: entry.leaseUntil_ms > now_ms,
    };
  }

  /** As `inspect`, with the payload, and with times by the clock of Redis. */
  async peek(key: string): Promise<StoredEntry | 'absent' | 'unreadable'> {
    const incarnation = this.#connection.requireIncarnation();
    const raw = await this.#connection.redis.getBuffer(key);
    if (raw === null) return 'absent';
    const entry = parseEntry(raw);
    return entry === undefined
      ? 'unreadable'
      : { ...entry, isOfThisIncarnation: entry.stamp === incarnation };
  }

  /**
   * The entry in Redis, whatever its incarnation, for an answer that is marked stale. For the time in which the incarnation
   * is unknown because Postgres is away.
   *
   * @returns undefined if there is no payload of this schema, or if Postgres may have lost it
   * @throws ioredis errors
   */
  async readUnproved(key: string, payloadSchema: number): Promise<UnprovedEntry | undefined> {
    if (this.#connection.databaseMayHaveGoneBack) return undefined;
    const [raw, now_ms] = await Promise.all([
      this.#connection.redis.getBuffer(key),
      this.#connection.time_ms(),
    ]);
    const entry = raw === null ? undefined : parseEntry(raw);
    if (entry === undefined || entry.state === 'absent' || entry.payloadSchema !== payloadSchema) {
      return undefined;
    }
    const { state, version, payload, stamp, storedAt_ms, freshUntil_ms } = entry;
    const age_ms = Math.max(0, now_ms - storedAt_ms);
    return { state, version, payload, stamp, age_ms, freshFor_ms: freshUntil_ms - now_ms };
  }

  async #run<Answer>(
    script: Script<Answer>,
    keys: string[],
    args: (string | number | Buffer)[],
  ): Promise<Answer> {
    try {
      return await runScriptForBuffers(this.#connection.redis, script, keys, args);
    } catch (error) {
      this.#connection.noticeRoleChange(error);
      throw error;
    }
  }
}

function entryOf(
  state: Buffer,
  version: number,
  age_ms: number,
  freshFor_ms: number,
  payload: Buffer,
): Entry {
  return { state: states[state.toString()] ?? 'absent', version, age_ms, freshFor_ms, payload };
}

/** The header is described in `lua/entry.lua`. Undefined if the text has another one. */
function parseEntry(raw: Buffer): (Omit<StoredEntry, 'isOfThisIncarnation'> & { stamp: string }) | undefined {
  const end = raw.indexOf(10);
  const [layout, state = '', version, stored, freshUntil, stamp = '', schema, token, , leaseUntil] = raw
    .toString('latin1', 0, end)
    .split('|');
  const known = states[state];
  if (layout !== '1' || known === undefined || end < 0) return undefined;
  return {
    state: known,
    version: Number(version),
    storedAt_ms: Number(stored),
    freshUntil_ms: Number(freshUntil),
    payloadSchema: Number(schema),
    stamp,
    leaseUntil_ms: token === '' ? 0 : Number(leaseUntil),
    payload: raw.subarray(end + 1),
  };
}

export const generationKey = (list: string) => `generation:${list}`;

/** The tag in braces keeps the pages of a list in the slot of its generation: a script takes keys of one slot only. */
export const pageKey = (list: string, hash: string) => `list:{${generationKey(list)}}:${hash}`;

/**
 * Random, because a counter could start again. It begins with the incarnation: a failover may bring back an old
 * generation, and that must fit no page.
 */
export const newGeneration = (incarnation: string) => `${incarnation}${randomUUID().replaceAll('-', '')}`;
