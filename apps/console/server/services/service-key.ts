import { readServiceKey } from '@catalog/catalog-client';
import { tokenIssuer, type Clock } from '@catalog/service-kit';
import { importJWK, SignJWT } from 'jose';

/** Signs a token of the console for another service. `subject` names the person, so that logs and history can name them. */
export type SignToken = (claims: {
  subject: string;
  audience: string;
  scope: string;
  /** One minute unless set, because a token is made for one call. */
  lifetime_s?: number;
}) => Promise<string>;

const lifetimeOfOneCall_s = 60;

/** Reads the private key at once. Throws `ServiceKeyError`, which does not quote the key. */
export async function tokenSigner(file: string, clock: Pick<Clock, 'now'>): Promise<SignToken> {
  const { kid, ...jwk } = await readServiceKey(file);
  const key = await importJWK(jwk, 'EdDSA');
  return ({ subject, audience, scope, lifetime_s = lifetimeOfOneCall_s }) => {
    const now_s = Math.floor(clock.now() / 1_000);
    return new SignJWT({ scope })
      .setProtectedHeader({ alg: 'EdDSA', kid, typ: 'JWT' })
      .setIssuer(tokenIssuer)
      .setSubject(subject)
      .setAudience(audience)
      .setIssuedAt(now_s)
      .setExpirationTime(now_s + lifetime_s)
      .sign(key);
  };
}
