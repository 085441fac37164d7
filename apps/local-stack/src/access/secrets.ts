/**
 * The passwords and the signing keys of one local stack. The first start draws them at random and keeps them in
 * `.stack/`, where only this user can read them. Only the console's sign-in is ever printed.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { calculateJwkThumbprint } from 'jose';
import { z } from 'zod';
import { StackProblem } from '../problem.ts';
import { services as allServices, type ServiceEntry } from '../service-table.ts';
import { superuser } from '../stores/postgres.ts';
import { aclUsers, redisServers } from '../stores/redis-acl.ts';

const privateKeySchema = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  d: z.string(),
  kid: z.string(),
  alg: z.literal('EdDSA'),
});

const secretsSchema = z.object({
  /** By login: the superuser, and the role of each service. */
  postgres: z.record(z.string(), z.string()),
  /** By ACL user. */
  redis: z.record(z.string(), z.string()),
  /** Signs the tokens of `npm run token`. */
  tokenKey: privateKeySchema,
  /** By service: signs its calls to other services. */
  serviceKeys: z.record(z.string(), privateKeySchema).default({}),
  /** The `randomSecrets` of the services, by name. */
  random: z.record(z.string(), z.string()).default({}),
});
export type Secrets = z.infer<typeof secretsSchema>;

/** 192 bits, safe in URLs and in Redis' and Postgres' files. */
const newPassword = () => randomBytes(24).toString('base64url');

/**
 * The secrets of this folder. It draws the missing ones, so that a new service gets its own and no other secret
 * changes.
 */
export async function loadOrCreateSecrets(file: string, services: readonly ServiceEntry[]): Promise<Secrets> {
  const found = await loadSecrets(file);
  const secrets: Secrets = {
    postgres: withPasswords(
      [superuser, ...services.map(({ databaseRole }) => databaseRole)],
      found?.postgres,
    ),
    redis: withPasswords(redisServers.flatMap(aclUsers), found?.redis),
    tokenKey: found?.tokenKey ?? (await newSigningKey()),
    serviceKeys: { ...found?.serviceKeys },
    random: withPasswords(
      services.flatMap(({ randomSecrets }) => Object.values(randomSecrets ?? {})),
      found?.random,
    ),
  };
  for (const { name, calls } of services)
    if (calls !== undefined) secrets.serviceKeys[name] ??= await newSigningKey();
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
    throw new StackProblem(`${file} is not a file of secrets.`, 'Delete the local data: npm run reset', {
      cause,
    });
  }
}

/**
 * The public keys, with which the services check tokens. The key of a service grants only the scopes of that service,
 * to the service itself and its users.
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
    scope: (allServices.find(({ name }) => name === service)?.scopes ?? []).join(' '),
  }));
  return { keys: [publicHalf(tokenKey), ...keysOfServices] };
}

/** Writes the files that the services read: the public keys, and for each service that calls others its private key. */
export async function writeKeyFiles(
  secrets: Secrets,
  publicKeysFile: string,
  serviceKeyFile: (service: string) => string,
): Promise<void> {
  await writePrivately(publicKeysFile, publicKeys(secrets));
  for (const [service, key] of Object.entries(secrets.serviceKeys))
    await writePrivately(serviceKeyFile(service), key);
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
