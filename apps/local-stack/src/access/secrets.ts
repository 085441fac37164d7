/**
 * The passwords and the signing keys of one local stack: drawn at random on its first start, kept in
 * `.stack/` readable by this user only, never committed. None is printed but the sign-in of the console.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { calculateJwkThumbprint } from 'jose';
import { z } from 'zod';
import { StackProblem } from '../problem.ts';
import { services } from '../services/service-table.ts';

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
  /** Signs the tokens of `npm run token`. */
  tokenKey: privateKeySchema,
  /** By service: signs its calls to other services. */
  serviceKeys: z.record(z.string(), privateKeySchema).default({}),
  /** Whatever else a service needs that nobody must guess, by name. */
  words: z.record(z.string(), z.string()).default({}),
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
  wanted: {
    readonly postgres: readonly string[];
    readonly redis: readonly string[];
    readonly serviceKeys?: readonly string[];
    readonly words?: readonly string[];
  },
): Promise<Secrets> {
  const found = await loadSecrets(file);
  const secrets: Secrets = {
    postgres: withPasswords(wanted.postgres, found?.postgres),
    redis: withPasswords(wanted.redis, found?.redis),
    tokenKey: found?.tokenKey ?? (await newSigningKey()),
    serviceKeys: { ...found?.serviceKeys },
    words: withPasswords(wanted.words ?? [], found?.words),
  };
  for (const service of wanted.serviceKeys ?? []) secrets.serviceKeys[service] ??= await newSigningKey();
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

/**
 * The public halves, as the services read them to check tokens; that of a service grants what it needs itself, to
 * itself and its users.
 */
export function publicKeys({ tokenKey, serviceKeys }: Pick<Secrets, 'tokenKey' | 'serviceKeys'>) {
  const publicHalf = ({ kty, crv, x, kid, alg }: Secrets['tokenKey']) => ({
    kty,
    crv,
    x,
    kid,
    alg,
    use: 'sig',
  });
  const keysOfServices = Object.entries(serviceKeys).map(([service, key]) => ({
    ...publicHalf(key),
    sub: service,
    scope: (services.find(({ name }) => name === service)?.scopes ?? []).join(' '),
  }));
  return { keys: [publicHalf(tokenKey), ...keysOfServices] };
}

export async function writePublicKeys(file: string, secrets: Secrets): Promise<void> {
  await writePrivately(file, publicKeys(secrets));
}

/** The private key of one service, in a file that only it is told of. */
export async function writeServiceKey(file: string, secrets: Secrets, service: string): Promise<void> {
  await writePrivately(file, secrets.serviceKeys[service]);
}

function withPasswords(
  names: readonly string[],
  existing: Record<string, string> = {},
): Record<string, string> {
  const drawn = Object.fromEntries(names.map((name): [string, string] => [name, newPassword()]));
  return { ...drawn, ...existing };
}

async function newSigningKey(): Promise<Secrets['tokenKey']> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const jwk = privateKey.export({ format: 'jwk' });
  return privateKeySchema.parse({ ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'EdDSA' });
}

async function writePrivately(file: string, content: unknown): Promise<void> {
  await writeFile(`${file}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
