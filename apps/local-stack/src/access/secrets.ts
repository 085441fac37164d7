/**
 * The passwords and the signing key of one local stack: drawn at random on its first start, kept in
 * `.stack/` readable by this user only, never printed, never committed.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { calculateJwkThumbprint } from 'jose';
import { z } from 'zod';
import { StackProblem } from '../problem.ts';

const privateKeySchema = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  d: z.string(),
  kid: z.string(),
  alg: z.literal('EdDSA'),
});

const secretsSchema = z.object({
  /** By login: the superuser `postgres`, and each service's role. */
  postgres: z.record(z.string(), z.string()),
  /** By ACL user. */
  redis: z.record(z.string(), z.string()),
  tokenKey: privateKeySchema,
});
export type Secrets = z.infer<typeof secretsSchema>;

/** 192 bits, safe in URLs and in Redis' and Postgres' files. */
const newPassword = () => randomBytes(24).toString('base64url');

/**
 * The secrets of this folder; those that are missing are drawn now, so that a new service gets its own
 * without the others changing.
 */
export async function loadOrCreateSecrets(
  file: string,
  logins: { readonly postgres: readonly string[]; readonly redis: readonly string[] },
): Promise<Secrets> {
  const found = await loadSecrets(file);
  const secrets: Secrets = {
    postgres: withPasswords(logins.postgres, found?.postgres),
    redis: withPasswords(logins.redis, found?.redis),
    tokenKey: found?.tokenKey ?? (await newTokenKey()),
  };
  await writePrivately(file, secrets);
  return secrets;
}

/** @returns undefined before the first start */
export async function loadSecrets(file: string): Promise<Secrets | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return secretsSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new StackProblem(`${file} cannot be understood.`, 'Wipe the local data: npm run reset', { cause });
  }
}

/** The public half, as the services read it to check tokens. */
export async function writePublicKeys(file: string, { tokenKey }: Secrets): Promise<void> {
  const { kty, crv, x, kid, alg } = tokenKey;
  await writePrivately(file, { keys: [{ kty, crv, x, kid, alg, use: 'sig' }] });
}

function withPasswords(
  names: readonly string[],
  existing: Record<string, string> = {},
): Record<string, string> {
  const drawn = Object.fromEntries(names.map((name): [string, string] => [name, newPassword()]));
  return { ...drawn, ...existing };
}

async function newTokenKey(): Promise<Secrets['tokenKey']> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const jwk = privateKey.export({ format: 'jwk' });
  return privateKeySchema.parse({ ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'EdDSA' });
}

async function writePrivately(file: string, content: unknown): Promise<void> {
  await writeFile(`${file}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
