import { createHash } from 'node:crypto';
import type { UserProfile } from '@catalog/contracts';
import type { Clock } from '@catalog/service-kit';
import session, { type SessionData } from 'express-session';
import type { ChainableCommander, Redis } from 'ioredis';
import { z } from 'zod';

/** How long a session lasts. */
export const sessionLimits = {
  /** ASVS 7.3.1: protects a screen that its user has left. An open dashboard asks on its own and counts as use. */
  idle_ms: 30 * 60_000,
  /** ASVS 7.3.2: one working day, even when the session is used all the time. */
  absolute_ms: 12 * 3_600_000,
  /** ASVS 7.1.2: a further sign-in of the same user ends the oldest session. It bounds the list of a user, too. */
  perUser: 50,
} as const;

declare module 'express-session' {
  interface SessionData {
    /** Written once, at sign-in. A session without it is never stored. */
    signedIn: {
      readonly accountId: string;
      readonly username: string;
      readonly passwordChangedAt: string;
      /** In words, as `browserName` gives it. */
      readonly browser: string;
      /** Milliseconds since 1970. */
      readonly at_ms: number;
    };
  }
}

const storedSchema = z.object({
  seen_ms: z.number(),
  signedIn: z.object({
    accountId: z.string(),
    username: z.string(),
    passwordChangedAt: z.string(),
    browser: z.string(),
    at_ms: z.number(),
  }),
  cookie: z.looseObject({}),
});

type Stored = z.infer<typeof storedSchema>;
type Done = (error?: unknown) => void;

/** What people see of a session. Its name is the hash of its id: it finds the session, and lets nobody in. */
export interface OpenSession {
  readonly name: string;
  readonly browser: string;
  readonly signedInAt: string;
  readonly lastSeenAt: string;
}

/**
 * Sessions in Redis under the SHA-256 of their id, so that a reader of Redis cannot take over a session. An id has 192
 * random bits, so a plain hash is enough. The injected clock enforces the limits. The expiry of Redis only cleans up.
 *
 * Redis also has a list of the sessions of each user, by the time of the sign-in. One transaction writes a session and its place
 * in the list, so that no session is missing when all of them are ended.
 */
export class SessionStore extends session.Store {
  readonly #redis: Redis;
  readonly #clock: Pick<Clock, 'now'>;

  constructor(redis: Redis, clock: Pick<Clock, 'now'>) {
    super();
    this.#redis = redis;
    this.#clock = clock;
  }

  override get(id: string, done: (error: unknown, session?: SessionData | null) => void): void {
    this.#read(sessionName(id)).then((found) => done(null, found as unknown as SessionData | null), done);
  }

  /** express-session calls it once for each session, at the sign-in. */
  override set(id: string, session: SessionData, done: Done = () => undefined): void {
    this.#begin(sessionName(id), session).then(() => done(), done);
  }

  /** Writes only a session that still exists, so that a request in flight cannot revive it after a sign-out. */
  override touch(id: string, session: SessionData, done: Done = () => undefined): void {
    this.#renew(sessionName(id), session).then(() => done(), done);
  }

  override destroy(id: string, done: Done = () => undefined): void {
    const name = sessionName(id);
    this.#read(name)
      .then((found) => found && this.end(found.signedIn.accountId, [name]))
      .then(() => done(), done);
  }

  /** The sessions in which this user is signed in, the newest first. Those from before a change of the password count no more. */
  async ofUser({
    id,
    passwordChangedAt,
  }: Pick<UserProfile, 'id' | 'passwordChangedAt'>): Promise<OpenSession[]> {
    const names = await this.#redis.zrevrange(listOf(id), 0, -1);
    const found = await Promise.all(names.map(async (name) => ({ name, stored: await this.#read(name) })));
    const gone = found.flatMap(({ name, stored }) => (stored === null ? [name] : []));
    if (gone.length > 0) await this.#redis.zrem(listOf(id), ...gone);
    return found.flatMap(({ name, stored }) => {
      if (stored?.signedIn.passwordChangedAt !== passwordChangedAt) return [];
      const { signedIn, seen_ms } = stored;
      const time = (ms: number): string => new Date(ms).toISOString();
      const { browser } = signedIn;
      return [{ name, browser, signedInAt: time(signedIn.at_ms), lastSeenAt: time(seen_ms) }];
    });
  }

  /** Ends sessions of this user. @returns how many of them had not ended before */
  async end(accountId: string, names: readonly string[]): Promise<number> {
    if (names.length === 0) return 0;
    const transaction = this.#redis.multi();
    transaction.del(...names.map(keyOf));
    transaction.zrem(listOf(accountId), ...names);
    const [ended] = await committed(transaction);
    return Number(ended);
  }

  /** Ends the sessions of this user, all or all but one. @returns how many there were */
  async endAll(accountId: string, exceptName?: string): Promise<number> {
    const names = await this.#redis.zrange(listOf(accountId), '0', '-1');
    return this.end(
      accountId,
      names.filter((name) => name !== exceptName),
    );
  }

  async #begin(name: string, session: SessionData): Promise<void> {
    const stored = { ...session, seen_ms: this.#clock.now() };
    const { accountId, at_ms } = stored.signedIn;
    const list = listOf(accountId);
    const left_ms = Math.ceil(this.#left_ms(stored));
    if (left_ms <= 0) return;
    const transaction = this.#redis.multi();
    transaction.set(keyOf(name), JSON.stringify(stored), 'PX', left_ms);
    transaction.zremrangebyscore(list, '-inf', stored.seen_ms - sessionLimits.absolute_ms);
    transaction.zadd(list, at_ms, name);
    transaction.pexpire(list, sessionLimits.absolute_ms);
    await committed(transaction);
    const tooOld = await this.#redis.zrange(list, '0', String(-1 - sessionLimits.perUser));
    await this.end(accountId, tooOld);
  }

  async #renew(name: string, session: SessionData): Promise<void> {
    const stored = { ...session, seen_ms: this.#clock.now() };
    const left_ms = Math.ceil(this.#left_ms(stored));
    if (left_ms <= 0) await this.end(stored.signedIn.accountId, [name]);
    else await this.#redis.set(keyOf(name), JSON.stringify(stored), 'PX', left_ms, 'XX');
  }

  async #read(name: string): Promise<Stored | null> {
    const text = await this.#redis.get(keyOf(name));
    if (text === null) return null;
    const stored = storedSchema.safeParse(JSON.parse(text));
    if (stored.success && this.#left_ms(stored.data) > 0) return stored.data;
    await this.#redis.del(keyOf(name));
    return null;
  }

  #left_ms({ seen_ms, signedIn }: { seen_ms: number; signedIn: SessionData['signedIn'] }): number {
    const end_ms = Math.min(seen_ms + sessionLimits.idle_ms, signedIn.at_ms + sessionLimits.absolute_ms);
    return end_ms - this.#clock.now();
  }
}

/** The hash of the id of a session. */
export const sessionName = (id: string): string => createHash('sha256').update(id).digest('base64url');

const keyOf = (name: string): string => `session:${name}`;
/** A name has no colon, so no session has this key. */
const listOf = (accountId: string): string => `session:of:${accountId}`;

/** The answers of a transaction. It rejects if one of its commands failed. */
async function committed(transaction: ChainableCommander): Promise<unknown[]> {
  const answers = (await transaction.exec()) ?? [];
  for (const [error] of answers) if (error !== null) throw error;
  return answers.map(([, answer]) => answer);
}
