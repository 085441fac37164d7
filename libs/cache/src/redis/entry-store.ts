import { timings } from '../timings.ts';
import type { CacheConnection } from './cache-connection.ts';
import type { Script } from '@catalog/redis';
import { runScript, scripts } from './scripts.ts';

export type EntryState = 'value' | 'missing' | 'dead' | 'absent';

/** What Redis holds under a key, as `entry.lua` lays it out. */
export interface Entry {
  readonly state: EntryState;
  readonly version: number;
  readonly age_ms: number;
  /** Negative once the soft TTL has passed. */
  readonly freshFor_ms: number;
  readonly payload: Buffer;
}

export interface LeasedEntry extends Entry {
  readonly lease: 'granted' | 'not-needed' | 'busy';
  /** The life of the stores in which this was read. */
  readonly incarnation: string;
}

/** What Postgres says of a key: a payload, or null where there is no row. */
export interface Loaded {
  readonly version: number;
  readonly payload: Buffer | null;
}

export interface InspectedEntry {
  readonly state: EntryState | 'unreadable';
  readonly version?: number;
  readonly age_ms?: number;
  readonly freshFor_ms?: number;
  readonly ttl_ms?: number;
  readonly payloadSchema?: number;
  readonly isOfThisIncarnation?: boolean;
  readonly isLeased?: boolean;
}

/** An entry as it is stored; times are of the clock of Redis. */
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

const states: Record<string, EntryState> = { V: 'value', M: 'missing', D: 'dead', A: 'absent' };
const leases = new Map([
  [1, 'granted'],
  [0, 'not-needed'],
  [-1, 'busy'],
] as const);

/** What this needs of a CacheConnection. */
type EntryConnection = Pick<
  CacheConnection,
  'redis' | 'incarnation' | 'requireIncarnation' | 'requireLife' | 'noticeRoleChange' | 'time_ms'
>;

/** The three scripts, typed. Every transition of an entry goes through here. */
export class EntryStore {
  readonly #connection: EntryConnection;

  constructor(connection: EntryConnection) {
    this.#connection = connection;
  }

  get incarnation(): string | undefined {
    return this.#connection.incarnation;
  }

  /** @throws CacheUnavailable, and ioredis errors where Redis fails, is late, or has begun another life */
  async readOrLease(key: string, schema: number, token: string): Promise<LeasedEntry> {
    const { incarnation, replication } = this.#connection.requireLife();
    const [state, version, age_ms, freshFor_ms, payload, lease] = (await this.#run(scripts.readOrLease, key, [
      incarnation,
      schema,
      token,
      timings.lease_ms,
      timings.refreshAhead,
      replication,
    ])) as [Buffer, number, number, number, Buffer, 1 | 0 | -1];
    return {
      ...entry(state, version, age_ms, freshFor_ms, payload),
      lease: leases.get(lease) ?? 'busy',
      incarnation,
    };
  }

  /**
   * @param token that of the lease, or '' without one
   * @param incarnation that in which the read began; in another life of the stores nothing is filled
   * @returns whether it was stored, and the newer entry that stood in the way, if any
   */
  async fill(
    key: string,
    schema: number,
    token: string,
    incarnation: string,
    loaded: Loaded,
    fresh_ms: number,
  ): Promise<{ stored: boolean; newer: Entry | undefined }> {
    if (incarnation !== this.#connection.requireIncarnation()) return { stored: false, newer: undefined };
    const missing = loaded.payload === null;
    const [stored, state, version, age_ms, freshFor_ms, payload] = (await this.#run(scripts.fill, key, [
      incarnation,
      schema,
      token,
      missing ? 'M' : 'V',
      loaded.version,
      Math.round(fresh_ms),
      missing ? Math.round(fresh_ms) : timings.hardTtl_ms,
      loaded.payload ?? '',
    ])) as [number, Buffer, number, number, number, Buffer];
    const there = entry(state, version, age_ms, freshFor_ms, payload);
    return { stored: stored === 1, newer: stored === 0 && there.state !== 'absent' ? there : undefined };
  }

  /** What stands under a key, for people; it counts as no read, takes no lease, and changes nothing. */
  async inspect(key: string): Promise<InspectedEntry> {
    const { redis } = this.#connection;
    const [entry, ttl_ms, now_ms] = await Promise.all([
      this.peek(key),
      redis.pttl(key),
      this.#connection.time_ms(),
    ]);
    if (entry === 'absent') return { state: 'absent' };
    if (entry === 'unreadable') return { state: 'unreadable', ttl_ms };
    return {
      state: entry.state,
      version: entry.version,
      age_ms: now_ms - entry.storedAt_ms,
      freshFor_ms: entry.freshUntil_ms - now_ms,
      ttl_ms,
      payloadSchema: entry.payloadSchema,
      isOfThisIncarnation: entry.isOfThisIncarnation,
      isLeased: entry.leaseUntil_ms > now_ms,
    };
  }

  /** As `inspect`, with the payload, and times of the clock of Redis. */
  async peek(key: string): Promise<StoredEntry | 'absent' | 'unreadable'> {
    const incarnation = this.#connection.requireIncarnation();
    const raw = await this.#connection.redis.getBuffer(key);
    if (raw === null) return 'absent';
    const end = raw.indexOf(10);
    const [layout, state = '', version, stored, freshUntil, life, schema, token, , leaseUntil] = raw
      .toString('latin1', 0, end)
      .split('|');
    const known = states[state];
    if (layout !== '1' || known === undefined || end < 0) return 'unreadable';
    return {
      state: known,
      version: Number(version),
      storedAt_ms: Number(stored),
      freshUntil_ms: Number(freshUntil),
      payloadSchema: Number(schema),
      isOfThisIncarnation: life === incarnation,
      leaseUntil_ms: token === '' ? 0 : Number(leaseUntil),
      payload: raw.subarray(end + 1),
    };
  }

  async #run(script: Script<unknown>, key: string, args: (string | number | Buffer)[]): Promise<unknown> {
    try {
      return await runScript(this.#connection.redis, script, [key], args);
    } catch (error) {
      this.#connection.noticeRoleChange(error);
      throw error;
    }
  }
}

function entry(state: Buffer, version: number, age_ms: number, freshFor_ms: number, payload: Buffer): Entry {
  return { state: states[state.toString()] ?? 'absent', version, age_ms, freshFor_ms, payload };
}
