import { readFileSync } from 'node:fs';
import { tokenIssuer, type Clock } from '@catalog/service-kit';
import { importJWK, SignJWT } from 'jose';
import { z } from 'zod';
import type { SignToken } from './worker-client.ts';

const keySchema = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string().min(1),
  d: z.string().min(1),
  kid: z.string().min(1),
});

/** Long enough for the call that it is made for, and nothing more. */
const lifetime_s = 60;

/** Reads the private key at once; throws where it is missing or is none, without showing it. */
export async function tokenSigner(file: string, clock: Pick<Clock, 'now'>): Promise<SignToken> {
  const found = keySchema.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!found.success)
    throw new Error(`SERVICE_KEY_FILE: ${file} holds no private Ed25519 key (JWK) with a kid`);
  const { kid, ...jwk } = found.data;
  const key = await importJWK({ ...jwk, alg: 'EdDSA' });
  return ({ subject, audience, scope }) => {
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
