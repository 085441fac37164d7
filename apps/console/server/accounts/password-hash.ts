/**
 * Argon2id by Node itself, with what OWASP asks for at least (Password Storage Cheat Sheet: m=19 MiB, t=2,
 * p=1), stored as a PHC string. It runs on libuv's threads, off the event loop.
 */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { CatalogError } from '@catalog/contracts';

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
  /** libuv has four threads, which files and name look-ups need too; and each hash takes 19 MiB. */
  atOnce: 2,
  /** At about 50 ms each, the last of these waits two seconds. */
  waiting: 64,
} as const;

const phcPattern =
  /^\$argon2id\$v=19\$m=(\d{1,6}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22,64})\$([A-Za-z0-9+/]{43})$/;

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');

export interface PasswordHasher {
  /** A PHC string. */
  hash(password: string): Promise<string>;
  /** With `stored` undefined, for a user who does not exist, it takes the same time and answers false. */
  verify(password: string, stored: string | undefined): Promise<boolean>;
}

/** Throws `CatalogError` `unavailable` when too many wait. */
export function createPasswordHasher(): PasswordHasher {
  const waiting: (() => void)[] = [];
  let running = 0;

  async function inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (running >= hashingLimits.atOnce) {
      if (waiting.length >= hashingLimits.waiting)
        throw new CatalogError('unavailable', 'Too many people are signing in.', { retryAfterSeconds: 2 });
      // Whoever ends hands its place on, so `running` stays as it is.
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
      });
    } else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  }

  const tagOf = (password: string, nonce: Buffer, { memory, passes, parallelism }: Cost) =>
    inTurn(() =>
      derive('argon2id', {
        // One form for what looks the same, however a keyboard composes it (NIST SP 800-63B, 5.1.1.2).
        message: Buffer.from(password.normalize('NFKC')),
        nonce,
        memory,
        passes,
        parallelism,
        tagLength: tagBytes,
      }),
    );

  // Of no password at all: its tag was drawn at random.
  const nobody = format(cost, randomBytes(saltBytes), randomBytes(tagBytes));

  return {
    async hash(password) {
      const salt = randomBytes(saltBytes);
      return format(cost, salt, await tagOf(password, salt, cost));
    },
    async verify(password, stored) {
      const [, memory = '', passes = '', parallelism = '', salt = '', tag = ''] =
        phcPattern.exec(stored ?? nobody) ?? [];
      if (tag === '') throw new Error('a password hash in the table cannot be understood');
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
