/**
 * Argon2id by Node itself, with the minimum that OWASP asks for (Password Storage Cheat Sheet: m=19 MiB, t=2, p=1), stored
 * as a PHC string. It runs on the threads of libuv, so it does not block the event loop.
 */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { CatalogError } from '@catalog/contracts';
import { bulkhead, BulkheadRejectedError } from 'cockatiel';

const derive = promisify(argon2);

interface Cost {
  /** KiB. */
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

const cost: Cost = { memory: 19_456, passes: 2, parallelism: 1 };
const saltBytes = 16;
const tagBytes = 32;

export const hashingLimits = {
  /** libuv has four threads, which files and name look-ups also need. Each hash takes 19 MiB of memory. */
  atOnce: 2,
  /** A hash takes about 50 ms, so the last one in the queue waits about two seconds. */
  waiting: 64,
} as const;

const phcPattern =
  /^\$argon2id\$v=19\$m=(\d{1,6}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22,64})\$([A-Za-z0-9+/]{43})$/;

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');

/** A random password of 144 bits. */
export const newPassword = (): string => randomBytes(18).toString('base64url');

export interface PasswordHasher {
  /** A PHC string. */
  hash(password: string): Promise<string>;
  /** With `stored` undefined, for a user who does not exist, it takes the same time and answers false. */
  verify(password: string, stored: string | undefined): Promise<boolean>;
}

/** Its methods throw `CatalogError` `unavailable` when too many callers wait. */
export function createPasswordHasher(): PasswordHasher {
  const limit = bulkhead(hashingLimits.atOnce, hashingLimits.waiting);

  async function tagOf(password: string, nonce: Buffer, { memory, passes, parallelism }: Cost) {
    try {
      return await limit.execute(() =>
        derive('argon2id', {
          // Keyboards compose letters in different ways. All ways give the same password (NIST SP 800-63B, 5.1.1.2).
          message: Buffer.from(password.normalize('NFKC')),
          nonce,
          memory,
          passes,
          parallelism,
          tagLength: tagBytes,
        }),
      );
    } catch (error) {
      if (!(error instanceof BulkheadRejectedError)) throw error;
      throw new CatalogError('unavailable', 'Too many people are signing in.', {
        retryAfterSeconds: 2,
        cause: error,
      });
    }
  }

  // The hash of no password at all: its tag is random.
  const unknownUserHash = format(cost, randomBytes(saltBytes), randomBytes(tagBytes));

  return {
    async hash(password) {
      const salt = randomBytes(saltBytes);
      return format(cost, salt, await tagOf(password, salt, cost));
    },
    async verify(password, stored) {
      const [, memory = '', passes = '', parallelism = '', salt = '', tag = ''] =
        phcPattern.exec(stored ?? unknownUserHash) ?? [];
      if (tag === '') throw new Error('a stored password hash is not an argon2id PHC string');
      const derived = await tagOf(password, Buffer.from(salt, 'base64'), {
        memory: Number(memory),
        passes: Number(passes),
        parallelism: Number(parallelism),
      });
      return timingSafeEqual(derived, Buffer.from(tag, 'base64')) && stored !== undefined;
    },
  };
}

function format({ memory, passes, parallelism }: Cost, salt: Buffer, tag: Buffer): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(tag)}`;
}
