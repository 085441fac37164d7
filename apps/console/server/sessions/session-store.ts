import { createHash } from 'node:crypto';
import type { Clock } from '@catalog/service-kit';
import session, { type SessionData } from 'express-session';
import type { Redis } from 'ioredis';
import { z } from 'zod';

/** How long a session lasts. */
export const sessionLimits = {
  /** ASVS 7.3.1: protects a screen that its user has left. An open dashboard asks on its own and counts as use. */
  idle_ms: 30 * 60_000,
  /** ASVS 7.3.2: one working day, even when the session is used all the time. */
  absolute_ms: 12 * 3_600_000,
} as const;

declare module 'express-session' {
  interface SessionData {
    /** Written once, at sign-in. A session without it is never stored. */
    signedIn: {
      readonly accountId: string;
      readonly username: string;
      readonly passwordChangedAt: string;
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
    at_ms: z.number(),
  }),
  cookie: z.looseObject({}),
});

type Done = (error?: unknown) => void;

/**
 * Sessions in Redis under the SHA-256 of their id, so that a reader of Redis cannot take over a session. An id has 192
 * random bits, so a plain hash is enough. The injected clock enforces the limits. The expiry of Redis only cleans up.
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
    void (async () => {
      const text = await this.#redis.get(keyOf(id));
      if (text === null) return null;
      const stored = storedSchema.safeParse(JSON.parse(text));
      if (!stored.success || this.#left_ms(stored.data) <= 0) {
        await this.#redis.del(keyOf(id));
        return null;
      }
      return stored.data as unknown as SessionData;
    })().then((found) => done(null, found), done);
  }

  override set(id: string, session: SessionData, done: Done = () => undefined): void {
    this.#write(id, session, false).then(() => done(), done);
  }

  /** Writes only a session that still exists, so that a request in flight cannot revive it after a sign-out. */
  override touch(id: string, session: SessionData, done: Done = () => undefined): void {
    this.#write(id, session, true).then(() => done(), done);
  }

  override destroy(id: string, done: Done = () => undefined): void {
    this.#redis.del(keyOf(id)).then(() => done(), done);
  }

  async #write(id: string, session: SessionData, onlyIfPresent: boolean): Promise<void> {
    const stored = { ...session, seen_ms: this.#clock.now() };
    const left_ms = Math.ceil(this.#left_ms(stored));
    if (left_ms <= 0) await this.#redis.del(keyOf(id));
    else if (onlyIfPresent) await this.#redis.set(keyOf(id), JSON.stringify(stored), 'PX', left_ms, 'XX');
    else await this.#redis.set(keyOf(id), JSON.stringify(stored), 'PX', left_ms);
  }

  #left_ms({ seen_ms, signedIn }: { seen_ms: number; signedIn: SessionData['signedIn'] }): number {
    const end_ms = Math.min(seen_ms + sessionLimits.idle_ms, signedIn.at_ms + sessionLimits.absolute_ms);
    return end_ms - this.#clock.now();
  }
}

const keyOf = (id: string): string => `session:${createHash('sha256').update(id).digest('base64url')}`;
