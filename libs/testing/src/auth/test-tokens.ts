import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TestTokens extends AsyncDisposable {
  /** The public key, for the configuration of the service. */
  readonly jwksFile: string;
  /** The private key, for a service that signs its own tokens. */
  readonly keyFile: string;
  /**
   * Signs a token that is valid for 5 minutes. `claims` replace the default claims; one that is undefined is left out.
   */
  sign(claims: Record<string, unknown>): string;
}

/** Creates a key and signs tokens with it. It does not use the library with which the services check them. */
export async function createTestTokens(): Promise<TestTokens> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const directory = await mkdtemp(join(tmpdir(), 'catalog-test-keys-'));
  const jwksFile = join(directory, 'jwks.json');
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'test' }] };
  await writeFile(jwksFile, JSON.stringify(jwks));
  const keyFile = join(directory, 'key.json');
  await writeFile(keyFile, JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: 'test' }));
  return {
    jwksFile,
    keyFile,
    sign: (claims) => signToken(privateKey, 'test', claims),
    async [Symbol.asyncDispose]() {
      await rm(directory, { recursive: true });
    },
  };
}

/** See `TestTokens.sign`. */
export function signToken(privateKey: KeyObject, kid: string, claims: Record<string, unknown>): string {
  const now_s = Math.floor(Date.now() / 1000);
  const payload = { iss: 'catalog-auth', sub: 'test', iat: now_s, exp: now_s + 300, ...claims };
  const signed = [{ alg: 'EdDSA', kid }, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`;
}
