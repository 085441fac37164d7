import type { Entity } from '@catalog/contracts';
import { timings } from '../../src/timings.ts';
import { BatchLoader, type PayloadLoader } from '../../src/reading/batch-loader.ts';
import { createCacheBreaker } from '../../src/redis/cache-breaker.ts';
import { CacheUnavailable, type ManyRead } from '../../src/redis/cache-connection.ts';
import { EntityCache } from '../../src/reading/entity-cache.ts';
import { EntryStore } from '../../src/redis/entry-store.ts';
import { Freshness } from '../../src/channel/freshness.ts';
import { createLoadGuard } from '../../src/reading/load-guard.ts';
import type { ChannelMessage } from '../../src/channel/messages.ts';
import { MonotonicReads } from '../../src/reading/monotonic-reads.ts';
import { onlyShard } from '../../src/shards/router.ts';
import { TurnReads } from '../../src/reading/turn-reads.ts';
import { NearCache } from '../../src/near-cache/near-cache.ts';
import type { Operation, ScriptAnswer } from '../protocol/entry-protocol.ts';
import { type ModelRedis, modelClient } from './model-redis.ts';
import type { CallsInFlight } from './calls-in-flight.ts';
import type { ModelPrimary } from './model-primary.ts';

export const ENTITY: Entity = { name: 'thing', cacheKey: (key) => `thing:${key}`, payloadSchema: 1 };

/** Published data that waits in a subscriber's socket. */
type Arrival =
  | { readonly kind: 'message'; readonly message: ChannelMessage }
  | { readonly kind: 'subscribed' | 'pong'; readonly sent_ms: number };

/** Parts of a process that a test replaces by broken ones, to see that the simulation notices. */
export interface Replacements {
  readonly near?: (now: () => number) => NearCache;
  readonly freshness?: (now: () => number, ownIncarnation: () => string | undefined) => Freshness;
  readonly monotonic?: () => MonotonicReads;
  /** Uses sessions that lead to a standby. */
  readonly trustsStandbys?: boolean;
  /** Asks for the incarnation before it reads, not after. */
  readonly asksBeforeReads?: boolean;
}

const now = () => performance.now();
const ignore = () => undefined;

/** One catalog-read process with its real cache code. The schedule stands in for its sockets. */
export class SimulatedProcess {
  readonly cache: EntityCache;
  readonly #near: NearCache;
  readonly #freshness: Freshness;
  readonly #redis: ModelRedis;
  readonly #inFlight: CallsInFlight;
  readonly #monotonic: MonotonicReads;
  readonly #primary: ModelPrimary;
  readonly #trustsStandbys: boolean;
  #incarnation: string | undefined;
  #databaseMayHaveGoneBack = false;
  #database: number;
  /** Its sessions lead to a lagging standby. */
  isOnStandby = false;
  readonly #calls = new Set<(error: Error) => void>();
  #inbox: Arrival[] | undefined;
  #sentAfter_ms = Number.NEGATIVE_INFINITY;
  #isPinging = false;

  constructor(
    redis: ModelRedis,
    inFlight: CallsInFlight,
    primary: ModelPrimary,
    replaced: Replacements = {},
  ) {
    this.#primary = primary;
    this.#database = primary.incarnation;
    this.#trustsStandbys = replaced.trustsStandbys === true;
    this.#monotonic = replaced.monotonic?.() ?? new MonotonicReads();
    this.#redis = redis;
    this.#inFlight = inFlight;
    const own = () => this.#incarnation;
    const databaseMayHaveGoneBack = () => this.#databaseMayHaveGoneBack;
    this.#freshness = replaced.freshness?.(now, own) ?? new Freshness(now, own);
    // Room for two entries, so that a third one evicts another.
    this.#near = replaced.near?.(now) ?? new NearCache(now, { maxBytes: 1_400 });
    const requireIncarnation = () => {
      if (this.#incarnation === undefined) throw new CacheUnavailable('the cache is not connected');
      return this.#incarnation;
    };
    const breaker = createCacheBreaker();
    const requireStoreIdentity = () => {
      const incarnation = requireIncarnation();
      return { incarnation, database: '', replicationId: incarnation.split('/')[0] ?? '' };
    };
    const reads = new TurnReads({
      connection: {
        get incarnation() {
          return own();
        },
        requireStoreIdentity,
        readMany: (keys) => this.#readMany(keys, replaced.asksBeforeReads === true),
        noticeRoleChange: (error) => {
          if (error instanceof Error && error.message.startsWith('OTHERINCARNATION')) this.learn();
        },
      },
      breaker,
      freshness: this.#freshness,
    });
    const store = new EntryStore({
      redis: modelClient(
        (key, operation) => this.#call(key, operation),
        (key) => this.#get(key),
      ),
      get incarnation() {
        return own();
      },
      requireIncarnation,
      requireStoreIdentity,
      get databaseMayHaveGoneBack() {
        return databaseMayHaveGoneBack();
      },
      noticeRoleChange: () => this.learn(),
      time_ms: () => Promise.resolve(Date.now()),
    });
    this.cache = new EntityCache(ENTITY, new BatchLoader((keys) => this.load(keys), createLoadGuard()), {
      shards: onlyShard({ store, reads, breaker, freshness: this.#freshness }),
      near: this.#near,
      monotonic: this.#monotonic,
      now,
      events: { fillRefused: ignore, overtaken: ignore, cacheFailed: ignore, loadFailed: ignore },
    });
  }

  /** The command connection is open, and the process has asked for the incarnation. */
  learn(): void {
    // The question goes to Postgres too, which a session to a standby cannot answer.
    if (!this.#primary.isUp || (this.isOnStandby && !this.#trustsStandbys)) return;
    if (!this.isOnStandby) this.noteDatabase();
    if (!this.#redis.isUp) return;
    this.#incarnation = `${this.#redis.incarnation}/${this.#database}`;
    this.#databaseMayHaveGoneBack = false;
    this.#monotonic.prove(this.#incarnation);
  }

  /** A new session finds which incarnation Postgres is in. */
  noteDatabase(): void {
    if (this.#database === this.#primary.incarnation) return;
    this.#database = this.#primary.incarnation;
    this.#incarnation = undefined;
    this.#databaseMayHaveGoneBack = true;
    this.#monotonic.forgetAll();
    this.#near.forgetAll();
  }

  /** The incarnation of Postgres that this process knows. */
  get databaseIncarnation(): number {
    return this.#database;
  }

  get knowsDatabase(): boolean {
    return this.#database === this.#primary.incarnation;
  }

  readonly load: PayloadLoader = (keys) =>
    this.#primary.load(keys, () => {
      if (this.isOnStandby) {
        if (this.#trustsStandbys) return true;
        throw new Error('this server is a standby');
      }
      // The sessions of before were cut when the server went away.
      this.noteDatabase();
      return false;
    });

  /** The command connection closes. Open calls fail, but Redis may still run those already sent. */
  cutCommands(): void {
    this.#incarnation = undefined;
    for (const fail of this.#calls) fail(new Error('Connection is closed.'));
    this.#calls.clear();
  }

  cutChannel(): void {
    if (this.#inbox === undefined) return;
    this.#inbox = undefined;
    this.#sentAfter_ms = Number.NEGATIVE_INFINITY;
    this.#isPinging = false;
    this.#freshness.disconnected();
  }

  subscribe(): void {
    if (this.#inbox === undefined && this.#redis.isUp) this.#inbox = [{ kind: 'subscribed', sent_ms: now() }];
  }

  ping(): void {
    if (this.#inbox === undefined || this.#isPinging) return;
    this.#isPinging = true;
    this.#inbox.push({ kind: 'pong', sent_ms: now() });
  }

  publish(message: ChannelMessage): void {
    this.#inbox?.push({ kind: 'message', message });
  }

  /** The network loses one message. */
  loseMessage(): void {
    const lost = this.#inbox?.findIndex(({ kind }) => kind === 'message') ?? -1;
    if (lost >= 0) this.#inbox?.splice(lost, 1);
  }

  /** The process reads messages from its socket. */
  receive(count: number): void {
    for (const arrival of this.#inbox?.splice(0, count) ?? []) {
      if (arrival.kind === 'message') {
        const { message } = arrival;
        if ('keys' in message) for (const [key, version] of message.keys) this.#near.invalidate(key, version);
        if (this.#freshness.received(message, this.#sentAfter_ms).otherIncarnation) this.learn();
        continue;
      }
      this.#sentAfter_ms = arrival.sent_ms;
      if (arrival.kind === 'subscribed') this.#freshness.subscribed();
      else this.#isPinging = false;
    }
  }

  /** One step runs the call in Redis, a later one delivers the answer. After a timeout Redis may still run the call. */
  #call(key: string, operation: Operation): Promise<ScriptAnswer> {
    return this.#command((resolve, fail) => {
      this.#inRedis(`Redis runs ${operation.kind}`, fail, () => {
        // As the scripts do: they refuse a former incarnation.
        if (
          operation.kind === 'read-or-lease' &&
          operation.incarnation.split('/')[0] !== this.#redis.incarnation
        ) {
          this.#inFlight.add('a read for another incarnation is refused', () =>
            fail(new Error('OTHERINCARNATION')),
          );
          return;
        }
        const answer = this.#redis.run(key, operation);
        this.#inFlight.add(`${operation.kind} is answered`, () => resolve(answer));
      });
    });
  }

  /** Of an entry whose incarnation is unknown. */
  #get(key: string): Promise<Buffer | null> {
    return this.#command((resolve, fail) => {
      this.#inRedis('Redis runs get', fail, () => {
        const raw = this.#redis.raw(key);
        this.#inFlight.add('get is answered', () => resolve(raw));
      });
    });
  }

  /** MGET and INFO are two steps: anything may happen between them. */
  #readMany(keys: readonly string[], asksBefore: boolean): Promise<ManyRead> {
    return this.#command((resolve, fail) => {
      let values: ManyRead['values'] = [];
      let now_ms = 0;
      let replicationId = '';
      const get = () => {
        values = keys.map((key) => this.#redis.raw(key));
      };
      const ask = () => {
        now_ms = Date.now();
        replicationId = this.#redis.incarnation;
      };
      const steps: [string, () => void][] = [
        ['Redis runs MGET', get],
        ['Redis runs INFO', ask],
      ];
      if (asksBefore) steps.reverse();
      const [[first, runFirst], [second, runSecond]] = steps as [[string, () => void], [string, () => void]];
      this.#inRedis(first, fail, () => {
        runFirst();
        this.#inRedis(second, fail, () => {
          runSecond();
          this.#inFlight.add('MGET and INFO are answered', () => resolve({ values, now_ms, replicationId }));
        });
      });
    });
  }

  #inRedis(name: string, fail: (error: Error) => void, run: () => void): void {
    this.#inFlight.add(name, () => {
      if (this.#redis.isUp) run();
      else fail(new Error('Connection is closed.'));
    });
  }

  #command<T>(send: (resolve: (answer: T) => void, fail: (error: Error) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.#redis.isUp) {
        reject(new Error('Connection is closed.'));
        return;
      }
      const timer = setTimeout(() => reject(new Error('Command timed out')), timings.cacheCall_ms);
      const end = () => {
        clearTimeout(timer);
        this.#calls.delete(fail);
      };
      const fail = (error: Error) => {
        end();
        reject(error);
      };
      this.#calls.add(fail);
      send((answer) => {
        end();
        resolve(answer);
      }, fail);
    });
  }
}
