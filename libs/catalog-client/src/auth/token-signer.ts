import { importJWK, SignJWT } from 'jose';
import { readServiceKey } from './service-key.ts';

const issuer = 'catalog-auth';
/** The longest that services accept. */
const lifetime_s = 300;
/** A token is renewed this long before its end: it outlives the request that carries it, and clocks that differ. */
const renewBefore_s = 60;

export interface Identity {
  /** The name of the calling service: `sub` of its tokens. */
  readonly service: string;
  /** See `readServiceKey`. Read again at each renewal, so that a new key needs no restart. */
  readonly keyFile: string;
}

/** Makes this service's own tokens, one for each audience, and keeps each while it lives. */
export class TokenSigner {
  readonly #identity: Identity;
  readonly #now: () => number;
  readonly #tokens = new Map<string, { readonly token: Promise<string>; readonly renewAt_ms: number }>();

  /** @param now milliseconds since 1970 */
  constructor(identity: Identity, now: () => number) {
    this.#identity = identity;
    this.#now = now;
  }

  /** @throws ServiceKeyError */
  token(audience: string, scope: string): Promise<string> {
    const kept = this.#tokens.get(audience);
    if (kept !== undefined && this.#now() < kept.renewAt_ms) return kept.token;
    const token = this.#sign(audience, scope);
    this.#tokens.set(audience, { token, renewAt_ms: this.#now() + (lifetime_s - renewBefore_s) * 1_000 });
    // A key that cannot be read now may be there in a moment.
    token.catch(() => this.#tokens.delete(audience));
    return token;
  }

  /** The service did not believe this token: its key may have been replaced. */
  refused(audience: string): void {
    this.#tokens.delete(audience);
  }

  async #sign(audience: string, scope: string): Promise<string> {
    const key = await readServiceKey(this.#identity.keyFile);
    const issued_s = Math.floor(this.#now() / 1_000);
    return new SignJWT({ scope })
      .setProtectedHeader({ alg: 'EdDSA', kid: key.kid, typ: 'JWT' })
      .setIssuer(issuer)
      .setSubject(this.#identity.service)
      .setAudience(audience)
      .setIssuedAt(issued_s)
      .setExpirationTime(issued_s + lifetime_s)
      .sign(await importJWK(key, 'EdDSA'));
  }
}
