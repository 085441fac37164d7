import { importJWK, SignJWT } from 'jose';
import { readServiceKey } from './service-key.ts';

const issuer = 'catalog-auth';
/** The longest lifetime that services accept. */
const lifetime_s = 300;
/** A token is renewed this early, so that it outlives its request even when the clocks differ. */
const renewBefore_s = 60;

export interface Identity {
  /** The name of the calling service: `sub` of its tokens. */
  readonly service: string;
  /** `readServiceKey` describes it. It is read again at each renewal, so a new key needs no restart. */
  readonly keyFile: string;
}

/** Signs the tokens of this service, one per audience and scope, and reuses each until it must be renewed. */
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
    const name = `${audience} ${scope}`;
    const current = this.#tokens.get(name);
    if (current !== undefined && this.#now() < current.renewAt_ms) return current.token;
    const token = this.#sign(audience, scope);
    this.#tokens.set(name, { token, renewAt_ms: this.#now() + (lifetime_s - renewBefore_s) * 1_000 });
    // A key file that cannot be read now may be readable at the next call.
    token.catch(() => this.#tokens.delete(name));
    return token;
  }

  /** Drops the tokens for a service that refused one. The next ones are signed with the key file as it is then. */
  dropRefused(audience: string): void {
    for (const name of this.#tokens.keys()) if (name.startsWith(`${audience} `)) this.#tokens.delete(name);
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
