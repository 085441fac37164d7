import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import type { Clock } from '../lifecycle/clock.ts';
import type { Logger } from '../logging/logger.ts';

const jwksSchema = z.object({ keys: z.array(z.record(z.string(), z.unknown())).min(1) });
const ed25519Schema = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  kid: z.string().min(1),
  x: z.string(),
  /** Ours: all that tokens signed with this key may grant, separated by spaces; anything where it is left out. */
  scope: z.string().optional(),
  /** Ours: who signs with this key, all that `sub` may name; anyone where it is left out. */
  sub: z.string().min(1).optional(),
});

export interface VerificationKey {
  readonly key: KeyObject;
  /** undefined: tokens signed with it may grant any scope. */
  readonly scopes: ReadonlySet<string> | undefined;
  /** undefined: tokens signed with it may be of any subject. */
  readonly subject: string | undefined;
}

/** How often the file is looked at. A key that was withdrawn is believed for this much longer at most. */
const lookInterval_ms = 1_000;

function readKeys(file: string): Map<string, VerificationKey> {
  const { keys } = jwksSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  const found = new Map<string, VerificationKey>();
  for (const jwk of keys) {
    if ('d' in jwk) throw new Error(`${file} holds a private key; only public ones belong there`);
    const key = ed25519Schema.safeParse(jwk);
    if (!key.success) continue;
    const { kid, x, scope, sub } = key.data;
    found.set(kid, {
      key: createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }),
      scopes: scope === undefined ? undefined : new Set(scope.split(' ')),
      subject: sub,
    });
  }
  if (found.size === 0) throw new Error(`${file} holds no Ed25519 key with a kid`);
  return found;
}

export interface KeyFile {
  get(kid: string): VerificationKey | undefined;
  /** Looks at the file if the last look is long ago; true when the keys changed. */
  refresh(): boolean;
}

/** Throws where the file is missing or wrong at the start; later mistakes in it leave the last good keys. */
export function keyFile(options: { file: string; clock: Clock; log?: Logger | undefined }): KeyFile {
  const { file, clock, log } = options;
  const stamp = (): string => {
    // The inode too: orchestrators replace mounted secrets by renaming.
    const { mtimeMs, size, ino } = statSync(file);
    return `${mtimeMs} ${size} ${ino}`;
  };
  let seen = stamp();
  let keys = readKeys(file);
  let looked_ms = clock.monotonic();
  return {
    get: (kid) => keys.get(kid),
    refresh() {
      if (clock.monotonic() - looked_ms < lookInterval_ms) return false;
      looked_ms = clock.monotonic();
      try {
        const now = stamp();
        if (now === seen) return false;
        keys = readKeys(file);
        seen = now;
        log?.info({ kids: [...keys.keys()] }, 'service keys were read again');
        return true;
      } catch (error) {
        log?.error({ err: error, file }, 'service keys cannot be read; the last good ones stay');
        return false;
      }
    },
  };
}
