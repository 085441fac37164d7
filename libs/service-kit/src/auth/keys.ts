import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import type { Clock } from '../lifecycle/clock.ts';
import type { Logger } from '../logging/logger.ts';

const jwksSchema = z.object({ keys: z.array(z.unknown()) });
const ed25519Schema = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  kid: z.string().min(1),
  x: z.string(),
  /** Our extension: the scopes that tokens signed with this key may grant, separated by spaces. Without it, any scope. */
  scope: z.string().optional(),
  /** Our extension: the service that signs with this key, whom `sub` must name. Without it, any subject. */
  sub: z.string().min(1).optional(),
});

export interface VerificationKey {
  readonly key: KeyObject;
  /** undefined: its tokens may grant any scope. */
  readonly scopes: ReadonlySet<string> | undefined;
  /** undefined: its tokens may name any subject. */
  readonly subject: string | undefined;
}

/** How often the service checks the file. A withdrawn key stays valid for at most this much longer. */
const lookInterval_ms = 1_000;
/** How long the last good keys stay valid while the file is missing or broken: long enough to correct it, but no longer. */
export const brokenKeys_ms = 60_000;

function readKeys(file: string): Map<string, VerificationKey> {
  const { keys } = jwksSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  const found = new Map<string, VerificationKey>();
  for (const jwk of keys) {
    if (typeof jwk === 'object' && jwk !== null && 'd' in jwk)
      throw new Error(`${file} contains a private key; put only public keys there`);
    const key = ed25519Schema.safeParse(jwk);
    if (!key.success) continue;
    const { kid, x, scope, sub } = key.data;
    const publicKey = publicKeyOf(x);
    if (publicKey === undefined) continue;
    found.set(kid, {
      key: publicKey,
      scopes: scope === undefined ? undefined : new Set(scope.split(' ')),
      subject: sub,
    });
  }
  return found;
}

/** undefined if it is no key: the others of the file stay valid. */
function publicKeyOf(x: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  } catch {
    return undefined;
  }
}

export interface KeyFile {
  get(kid: string): VerificationKey | undefined;
  /** Reads the file again if it changed, at most once in a while. True if the keys changed. */
  refresh(): boolean;
  /** What is wrong with the file; undefined if nothing is. */
  problem(): string | undefined;
}

/**
 * Throws if the file is missing or wrong at the start, or holds no key. Later, a file without keys means that nobody may call.
 * While the file is missing or broken, the last good keys stay valid for `brokenKeys_ms`.
 */
export function keyFile(options: { file: string; clock: Clock; log?: Logger | undefined }): KeyFile {
  const { file, clock, log } = options;
  const stamp = (): string => {
    // The inode is part of it, because orchestrators replace mounted secrets by renaming.
    const { mtimeMs, size, ino } = statSync(file);
    return `${mtimeMs} ${size} ${ino}`;
  };
  let seen = stamp();
  let keys = readKeys(file);
  if (keys.size === 0) throw new Error(`${file} contains no Ed25519 key with a kid`);
  let looked_ms = clock.monotonic();
  let brokenSince_ms: number | undefined;

  const withdrawAfterTooLong = (error: unknown): boolean => {
    const now_ms = clock.monotonic();
    if (brokenSince_ms === undefined) {
      brokenSince_ms = now_ms;
      log?.error(
        { err: error, file, valid_ms: brokenKeys_ms },
        'cannot read the service keys; the last good keys stay valid for a while',
      );
    }
    if (keys.size === 0 || now_ms - brokenSince_ms < brokenKeys_ms) return false;
    keys = new Map();
    log?.error({ err: error, file }, 'cannot read the service keys for too long: no token is valid any more');
    return true;
  };

  const refresh = (): boolean => {
    if (clock.monotonic() - looked_ms < lookInterval_ms) return false;
    looked_ms = clock.monotonic();
    try {
      const now = stamp();
      if (now === seen && brokenSince_ms === undefined) return false;
      keys = readKeys(file);
      seen = now;
      brokenSince_ms = undefined;
      log?.info({ kids: [...keys.keys()] }, 'read the changed service keys');
      return true;
    } catch (error) {
      return withdrawAfterTooLong(error);
    }
  };

  return {
    get: (kid) => keys.get(kid),
    refresh,
    problem() {
      refresh();
      if (brokenSince_ms !== undefined) {
        const state =
          keys.size === 0
            ? 'no token is valid'
            : `the last good keys are valid for ${brokenKeys_ms / 1_000} s`;
        return `the file of service keys is missing or broken: ${state}`;
      }
      return keys.size === 0 ? 'the file of service keys holds no key: nobody may call' : undefined;
    },
  };
}
