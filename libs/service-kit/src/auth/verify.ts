import { CatalogError } from '@catalog/contracts';
import { jwtVerify, type JWTHeaderParameters } from 'jose';
import { z } from 'zod';
import type { Clock } from '../lifecycle/clock.ts';
import type { KeyFile, VerificationKey } from './keys.ts';

export interface Caller {
  readonly subject: string;
  readonly scopes: ReadonlySet<string>;
}

const tokenRules = {
  /** Design, part 7: a stolen token is of no use for long. */
  lifetime_s: 300,
  /** Clocks of two machines under NTP differ by far less. */
  skew_s: 5,
  /** Ours have about 300 characters. */
  maxLength: 4_096,
  /** Tokens remembered per generation; every caller has a handful at a time. */
  remembered: 1_000,
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
 * Verifies the tokens of `Authorization` headers, and remembers each header until its token expires, so that nothing is
 * parsed and no signature checked but once in five minutes. Two generations make a bounded cache that keeps what is in use.
 */
export function tokenVerifier(options: { keys: KeyFile; audience: string; issuer: string; clock: Clock }): {
  /** @throws CatalogError `unauthenticated` */
  verify(authorization: string): Caller | Promise<Caller>;
} {
  const { keys, audience, issuer, clock } = options;
  let recent = new Map<string, Verified>();
  let older = new Map<string, Verified>();
  /** Grows when the keys change. */
  let era = 0;

  const remember = (authorization: string, verified: Verified): void => {
    if (recent.size >= tokenRules.remembered) {
      older = recent;
      recent = new Map();
    }
    recent.set(authorization, verified);
  };

  const keyFor = (header: JWTHeaderParameters): VerificationKey => {
    // A token that brings or points to its own key is an attack, whatever else it says.
    if ('jku' in header || 'jwk' in header || 'x5u' in header || 'x5c' in header)
      throw invalid('The token names its own key.');
    const key = header.kid === undefined ? undefined : keys.get(header.kid);
    if (key === undefined) throw invalid('The token is signed with a key that is not known here.');
    return key;
  };

  const check = async (authorization: string): Promise<Caller> => {
    const began = era;
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
      // Whoever steals the key of one service gets what that service may do, and no more.
      const beyond = scopesIn(claims.scope).find((scope) => signer?.scopes?.has(scope) === false);
      if (beyond !== undefined)
        throw invalid(`The key that signed the token may not grant ${beyond.slice(0, 100)}.`);
      // Nor can it count as somebody else, or put its changes down to them.
      if (signer?.subject !== undefined && !speaksAs(signer.subject, claims.sub))
        throw invalid(`The key that signed the token is that of ${signer.subject}.`);
    } catch (error) {
      if (error instanceof CatalogError) throw error;
      throw invalid('The token is not valid, not for this service, or expired.', error);
    }
    const caller = {
      subject: claims.sub,
      scopes: new Set(scopesIn(claims.scope)),
    };
    // Keys that changed meanwhile may not know this signature any more.
    if (began === era)
      remember(authorization, { caller, until_ms: (claims.exp + tokenRules.skew_s) * 1_000 });
    return caller;
  };

  return {
    verify(authorization) {
      if (keys.refresh()) {
        // A key may have been withdrawn: nobody is believed on its word any more.
        era += 1;
        recent = new Map();
        older = new Map();
      }
      let known = recent.get(authorization);
      if (known === undefined) {
        known = older.get(authorization);
        if (known === undefined) return check(authorization);
        remember(authorization, known);
      }
      if (clock.now() >= known.until_ms) throw invalid('The token is expired.');
      return known.caller;
    },
  };
}

const scopesIn = (claim: string): string[] => claim.split(' ').filter((scope) => scope !== '');

/** As itself, or for one of its own users: `console` for `console:ann`. */
const speaksAs = (owner: string, subject: string): boolean =>
  subject === owner || subject.startsWith(`${owner}:`);
