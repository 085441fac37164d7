import { CatalogError } from '@catalog/contracts';
import { jwtVerify, type JWTHeaderParameters } from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { Clock } from '../lifecycle/clock.ts';
import type { KeyFile, VerificationKey } from './keys.ts';

export interface Caller {
  readonly subject: string;
  readonly scopes: ReadonlySet<string>;
  /** When its token ends, in milliseconds since 1970. Undefined without a token. */
  readonly until_ms?: number;
}

const tokenRules = {
  /** A stolen token is useless soon. */
  lifetime_s: 300,
  /** Clocks of two machines under NTP differ by far less. */
  skew_s: 5,
  /** Ours have about 300 characters. */
  maxLength: 4_096,
  /** Tokens that are remembered. Every caller has a handful at a time. */
  remembered: 2_000,
} as const;

const claimsSchema = z.object({
  sub: z.string().min(1).max(200),
  exp: z.number(),
  scope: z.string().max(2_000).default(''),
});

interface Verified {
  readonly caller: Caller;
  readonly until_ms: number;
}

const invalid = (detail: string, cause?: unknown): CatalogError =>
  new CatalogError('unauthenticated', detail, { cause });

/**
 * Verifies the tokens of `Authorization` headers. It remembers each verified header until its token expires, so that a
 * caller's token is parsed and its signature checked once, not with every request. The header itself is the key, so
 * nothing but the very same token can be taken for a verified one.
 */
export function tokenVerifier(options: { keys: KeyFile; audience: string; issuer: string; clock: Clock }): {
  /** @throws CatalogError `unauthenticated` */
  verify(authorization: string): Caller | Promise<Caller>;
  /** The caller of a header that is remembered and still valid. Otherwise undefined: then `verify` says why. */
  remembered(authorization: string): Caller | undefined;
} {
  const { keys, audience, issuer, clock } = options;
  const verified = new LRUCache<string, Verified>({ max: tokenRules.remembered });
  /** Grows when the keys change. */
  let keyGeneration = 0;

  const keyFor = (header: JWTHeaderParameters): VerificationKey => {
    // A token that brings its own key, or points to one, is an attack.
    if ('jku' in header || 'jwk' in header || 'x5u' in header || 'x5c' in header)
      throw invalid('The token names its own key.');
    const key = header.kid === undefined ? undefined : keys.get(header.kid);
    if (key === undefined) throw invalid('The token is signed with a key that is not known here.');
    return key;
  };

  const check = async (authorization: string): Promise<Caller> => {
    const began = keyGeneration;
    const token = /^Bearer +([\w.~+/=-]+)$/i.exec(authorization)?.[1];
    if (token === undefined) throw invalid('Send "Authorization: Bearer <token>".');
    if (token.length > tokenRules.maxLength) throw invalid('The token is too long.');
    let claims: z.output<typeof claimsSchema>;
    try {
      let signer: VerificationKey | undefined;
      const getKey = (header: JWTHeaderParameters) => {
        signer = keyFor(header);
        return signer.key;
      };
      const { payload } = await jwtVerify(token, getKey, {
        algorithms: ['EdDSA'],
        audience,
        issuer,
        clockTolerance: tokenRules.skew_s,
        currentDate: new Date(clock.now()),
      });
      claims = claimsSchema.parse(payload);
      const from_s =
        typeof payload.iat === 'number' ? Math.min(payload.iat, clock.now() / 1_000) : clock.now() / 1_000;
      if (claims.exp - from_s > tokenRules.lifetime_s + tokenRules.skew_s)
        throw invalid('The token lives longer than 5 minutes.');
      // A stolen key of one service must grant no more than that service may do.
      const beyond = scopesIn(claims.scope).find((scope) => signer?.scopes?.has(scope) === false);
      if (beyond !== undefined)
        throw invalid(`The key that signed the token may not grant ${beyond.slice(0, 100)}.`);
      // It must not use another caller's rate limit, nor record changes under another name.
      if (signer?.subject !== undefined && !speaksAs(signer.subject, claims.sub))
        throw invalid(`The key that signed the token is that of ${signer.subject}.`);
    } catch (error) {
      if (error instanceof CatalogError) throw error;
      throw invalid('The token is not valid, not for this service, or expired.', error);
    }
    const caller = {
      subject: claims.sub,
      scopes: new Set(scopesIn(claims.scope)),
      until_ms: claims.exp * 1_000,
    };
    // If the keys changed during the check, the key of this token may have been withdrawn.
    if (began === keyGeneration)
      verified.set(authorization, { caller, until_ms: (claims.exp + tokenRules.skew_s) * 1_000 });
    return caller;
  };

  const find = (authorization: string): Verified | undefined => {
    if (keys.refresh()) {
      // A key may have been withdrawn, so every token is checked again.
      keyGeneration += 1;
      verified.clear();
    }
    return verified.get(authorization);
  };

  return {
    remembered(authorization) {
      const known = find(authorization);
      return known !== undefined && clock.now() < known.until_ms ? known.caller : undefined;
    },
    verify(authorization) {
      const known = find(authorization);
      if (known === undefined) return check(authorization);
      if (clock.now() >= known.until_ms) throw invalid('The token is expired.');
      return known.caller;
    },
  };
}

const scopesIn = (claim: string): string[] => claim.split(' ').filter((scope) => scope !== '');

/** A service speaks as itself or for one of its users: `console` as `console:ann`. */
const speaksAs = (owner: string, subject: string): boolean =>
  subject === owner || subject.startsWith(`${owner}:`);
