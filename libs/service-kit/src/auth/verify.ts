import { CatalogError, printable, ruleText } from '@catalog/contracts';
import { errors, jwtVerify, type JWTHeaderParameters } from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { Clock } from '../lifecycle/clock.ts';
import type { KeyFile, VerificationKey } from './keys.ts';

/** Whoever sends no token, where that is allowed. */
export const anonymousCaller = { subject: 'anonymous', owner: 'anonymous' } as const;

export interface Caller {
  readonly subject: string;
  /** The service that owns the key which signed the token: limits belong to the owner, because it may name any number of subjects. */
  readonly owner: string;
  readonly scopes: ReadonlySet<string>;
  /** When its token ends, in milliseconds since 1970. Undefined without a token. */
  readonly until_ms?: number;
}

/** An anonymous caller is one without a token. The subject does not say it, because a token may name any subject. */
export const isAnonymous = (caller: Caller): boolean => caller.until_ms === undefined;

const tokenRules = {
  /** Short, so that a stolen token is soon useless. */
  lifetime_s: 300,
  /** Clocks of two machines under NTP differ by far less. */
  skew_s: 5,
  /** Ours have about 300 characters. */
  maxLength: 4_096,
  /** Characters of the tokens that are remembered. Every caller has a handful of 300 at a time. */
  remembered: 2_000_000,
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
 * Verifies the tokens of `Authorization` headers. It remembers each verified token until it expires, so that a
 * caller's token is parsed and its signature checked once, not with every request. The token itself is the key, so nothing else
 * can be taken for a verified one, and however a header is spaced, its token is kept once.
 */
export function tokenVerifier(options: { keys: KeyFile; audience: string; issuer: string; clock: Clock }): {
  /** @throws CatalogError `unauthenticated` */
  verify(authorization: string): Caller | Promise<Caller>;
  /** The caller of a header that is remembered and still valid. Otherwise undefined: then `verify` says why. */
  remembered(authorization: string): Caller | undefined;
} {
  const { keys, audience, issuer, clock } = options;
  const verified = new LRUCache<string, Verified>({
    maxSize: tokenRules.remembered,
    // The scopes and the subject of a token are part of it.
    sizeCalculation: (_verified, token) => 2 * token.length,
  });
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

  const check = async (token: string): Promise<Caller> => {
    const began = keyGeneration;
    if (!/^[\w.~+/=-]+$/.test(token)) throw invalid(howToSend);
    if (token.length > tokenRules.maxLength) throw invalid('The token is too long.');
    let claims: z.output<typeof claimsSchema>;
    let signer: VerificationKey | undefined;
    try {
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
      claims = claimsSchema.parse(payload, { error: ruleText });
      const from_s =
        typeof payload.iat === 'number' ? Math.min(payload.iat, clock.now() / 1_000) : clock.now() / 1_000;
      if (claims.exp - from_s > tokenRules.lifetime_s + tokenRules.skew_s)
        throw invalid('The token is valid for longer than 5 minutes.');
      // A stolen key of one service must grant no more than that service may do.
      const beyond = scopesIn(claims.scope).find((scope) => signer?.scopes?.has(scope) === false);
      if (beyond !== undefined)
        throw invalid(`The key that signed the token may not grant ${beyond.slice(0, 100)}.`);
      // It must not use another caller's rate limit, nor record changes under another name.
      if (signer?.subject !== undefined && !speaksAs(signer.subject, claims.sub))
        throw invalid(`The key that signed the token is that of ${signer.subject}.`);
    } catch (error) {
      if (error instanceof CatalogError) throw error;
      throw invalid(reasonOf(error, { audience, issuer }), error);
    }
    const caller = {
      subject: claims.sub,
      owner: signer?.subject ?? ownerOf(claims.sub),
      scopes: new Set(scopesIn(claims.scope)),
      until_ms: claims.exp * 1_000,
    };
    // If the keys changed during the check, the key of this token may have been withdrawn.
    if (began === keyGeneration)
      // A copy: a part of the header would keep the whole header in memory.
      verified.set(Buffer.from(token, 'latin1').toString('latin1'), {
        caller,
        until_ms: (claims.exp + tokenRules.skew_s) * 1_000,
      });
    return caller;
  };

  const find = (token: string): Verified | undefined => {
    if (keys.refresh()) {
      // A key may have been withdrawn, so every token is checked again.
      keyGeneration += 1;
      verified.clear();
    }
    return verified.get(token);
  };

  let lastHeader = '';
  let lastToken: string | undefined;

  return {
    remembered(authorization) {
      // A token that was looked up before has its hash. A copy would not.
      const token = authorization === lastHeader ? lastToken : tokenIn(authorization);
      lastHeader = authorization;
      lastToken = token;
      const known = token === undefined ? undefined : find(token);
      return known !== undefined && clock.now() < known.until_ms ? known.caller : undefined;
    },
    verify(authorization) {
      const token = tokenIn(authorization);
      if (token === undefined) throw invalid(howToSend);
      const known = find(token);
      if (known === undefined) return check(token);
      if (clock.now() >= known.until_ms)
        throw invalid(
          `The token expired at ${timeOf((known.caller.until_ms ?? 0) / 1_000)}. Send a fresh one.`,
        );
      return known.caller;
    },
  };
}

/** Says which rule the token breaks. Claims are checked after the signature, so only who holds a key learns of them. */
function reasonOf(error: unknown, { audience, issuer }: { audience: string; issuer: string }): string {
  if (error instanceof errors.JWTExpired) {
    const { exp = 0 } = error.payload;
    return `The token expired at ${timeOf(exp)}. Send a fresh one.`;
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, payload } = error;
    const given = payload[claim];
    if (given === undefined) return `The token has no ${claim}.`;
    const shown = printable([given].flat().map(String).join(', '), 100);
    if (claim === 'aud') return `The token is for ${shown}, but this service is ${audience} (aud).`;
    if (claim === 'iss') return `The token is from ${shown}, but this service trusts ${issuer} (iss).`;
    if (claim === 'nbf' && typeof given === 'number')
      return `The token is valid from ${timeOf(given)} on (nbf).`;
    return `The token has a wrong ${claim}.`;
  }
  if (error instanceof z.ZodError)
    return `The token has a wrong claim: ${error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; ')}.`;
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'The signature of the token is wrong.';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'The token must be signed with EdDSA.';
  return 'The token is not a signed JWT.';
}

function timeOf(seconds: number): string {
  const time = new Date(seconds * 1_000);
  return Number.isNaN(time.getTime()) ? 'an impossible time' : time.toISOString();
}

/** The header without its scheme, undefined with another scheme. What follows it may be no token at all. */
function tokenIn(authorization: string): string | undefined {
  // The common form needs no search.
  if (authorization.startsWith('Bearer ') && authorization.charCodeAt(7) !== 0x20)
    return authorization.slice(7);
  const scheme = /^Bearer +/i.exec(authorization)?.[0];
  return scheme === undefined ? undefined : authorization.slice(scheme.length);
}

const howToSend = 'Send "Authorization: Bearer <token>".';

const scopesIn = (claim: string): string[] => claim.split(' ').filter((scope) => scope !== '');

/** Of a key without `sub`, whose holder issues tokens for everybody: the service that the subject belongs to. */
const ownerOf = (subject: string): string => subject.split(':', 1)[0] ?? subject;

/** A service speaks as itself or for one of its users: `console` as `console:ann`. */
const speaksAs = (owner: string, subject: string): boolean =>
  subject === owner || subject.startsWith(`${owner}:`);
