import { createHash } from 'node:crypto';
import { CatalogError } from '@catalog/contracts';
import { isNearlyFull } from '@catalog/redis';
import { CallerTurns, networkOf } from '@catalog/service-kit';
import type { Redis } from 'ioredis';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

export interface ThrottleRule {
  readonly points: number;
  readonly duration_s: number;
}

/**
 * Attempts add keys for up to an hour, however many addresses and user names somebody tries. From this part of
 * `maxmemory` on, nobody can sign in, so that the keys cannot displace jobs. It is above the part at which view counts
 * and rate limits stop.
 */
const refuseSignIn = 0.9;

/** How many failed attempts are allowed. */
export const throttleRules = {
  /** One account from one address. Nobody mistypes more often, and 10 guesses in 15 minutes find no password. */
  pair: { points: 10, duration_s: 900 },
  /** One account from all addresses. Limits guessing from many addresses. High, because it also locks out the owner. */
  account: { points: 100, duration_s: 3_600 },
  /** All accounts from one address. An office behind one address stays below it. */
  address: { points: 100, duration_s: 900 },
} as const satisfies Record<string, ThrottleRule>;

export type ThrottleRules = Readonly<Record<keyof typeof throttleRules, ThrottleRule>>;

/**
 * The attempts for one name from one network: one at a time. The server checks two passwords at once, so the second place stays free
 * for other people. Without this, a person could take both by signing in again and again with the right password, because only
 * failures are counted.
 */
const attemptsAtOnce = { what: 'sign-ins', atOnce: 1, waiting: 60, wait_ms: 10_000 } as const;

/** Dispose it when the password is checked. */
interface Attempt extends Disposable {
  /** Undoes the count. */
  succeeded(): Promise<void>;
}

export interface Throttle {
  /**
   * Waits until the attempts before it with this name are checked. Counts the attempt before anything is checked, so that parallel
   * attempts cannot exceed the limit. Throws `CatalogError` `rate_limited`, or `unavailable` while the state Redis is nearly full.
   */
  attempt(username: string, address: string): Promise<Attempt>;
}

/** Counts in Redis. One script per counter counts and sets its TTL in one step. */
export function createThrottle(redis: Redis, rules: ThrottleRules = throttleRules): Throttle {
  const limiter = (name: keyof ThrottleRules): RateLimiterRedis =>
    new RateLimiterRedis({
      storeClient: redis,
      keyPrefix: `throttle:${name}`,
      points: rules[name].points,
      duration: rules[name].duration_s,
    });
  const pair = limiter('pair');
  const account = limiter('account');
  const address = limiter('address');
  const turns = new CallerTurns(attemptsAtOnce);

  return {
    async attempt(username, from) {
      const network = networkOf(from);
      const keys = {
        pair: digest(`${username} ${network}`),
        account: digest(username),
        address: digest(network),
      };
      using turn = new DisposableStack();
      turn.use(await turns.take(keys.pair));
      if (await isNearlyFull(redis, refuseSignIn)) {
        throw new CatalogError(
          'unavailable',
          'The state Redis is nearly full. Nobody can sign in until it has room.',
          {
            retryAfterSeconds: 60,
          },
        );
      }
      // In this order: when one limit refuses the attempt, the next ones do not count it. Otherwise a locked-out client that
      // keeps trying would also lock out its address and the owner of the account.
      await consume(pair, keys.pair);
      await consume(address, keys.address);
      await consume(account, keys.account);
      const taken = turn.move();
      return {
        [Symbol.dispose]: () => taken.dispose(),
        async succeeded() {
          await pair.delete(keys.pair);
          await Promise.all([account.reward(keys.account), address.reward(keys.address)]);
        },
      };
    },
  };
}

async function consume(limit: RateLimiterRedis, key: string): Promise<void> {
  try {
    await limit.consume(key);
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal;
    throw new CatalogError('rate_limited', 'Too many attempts to sign in.', {
      retryAfterSeconds: Math.ceil(refusal.msBeforeNext / 1_000),
    });
  }
}

/** A mistyped user name is often a password, so Redis gets only its hash. */
const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');
