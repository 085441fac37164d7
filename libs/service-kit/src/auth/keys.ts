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

function readKeys(file: string): Map<string, VerificationKey> {
  const { keys } = jwksSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  const found = new Map<string, VerificationKey>();
  for (const jwk of keys) {
    if ('d' in jwk) throw new Error(`${file} contains a private key; put only public keys there`);
    const key = ed25519Schema.safeParse(jwk);
    if (!key.success) continue;
    const { kid, x, scope, sub } = key.data;
    found.set(kid, {
      key: createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }),
      scopes: scope === undefined ? undefined : new Set(scope.split(' ')),
      subject: sub,
    });
  }
  if (found.size === 0) throw new Error(`${file} contains no Ed25519 key with a kid`);
  return found;
}

export interface KeyFile {
  get(kid: string): VerificationKey | undefined;
  /** Reads the file again if it changed, at most once in a while. True if the keys changed. */
  refresh(): boolean;
}

/** Throws if the file is missing or wrong at the start. After later mistakes in it, the last good keys stay valid. */
export function keyFile(options: { file: string; clock: Clock; log?: Logger | undefined }): KeyFile {
  const { file, clock, log } = options;
  const stamp = (): string => {
    // The inode is part of it, because orchestrators replace mounted secrets by renaming.
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
        log?.info({ kids: [...keys.keys()] }, 'read the changed service keys');
        return true;
      } catch (error) {
        log?.error({ err: error, file }, 'cannot read the service keys; the last good keys stay valid');
        return false;
      }
    },
  };
}
