/**
 * `npm run secrets`: what docker-compose.yml reads from `.stack/compose/`, from the same tables as the local
 * stack: the same roles, the same ACL users, the same keys.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadOrCreateSecrets, publicKeys } from '../access/secrets.ts';
import type { ServiceEntry } from '../services/service-table.ts';
import { databaseName, superuser } from '../stores/postgres.ts';
import { aclFile, aclUsers, redisServers, type RedisServer } from '../stores/redis-acl.ts';

export const composeFolderName = 'compose';
export const composeSecretsFile = 'secrets.json';

/** The names of the files written. Those that were there keep their passwords. */
export async function writeComposeSecrets(
  folder: string,
  services: readonly ServiceEntry[],
): Promise<readonly string[]> {
  // Nobody else gets in; inside, everybody may read: the engine mounts these files as they are, and the users
  // in the containers are others than ours.
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const secrets = await loadOrCreateSecrets(join(folder, composeSecretsFile), {
    postgres: [superuser, ...services.map(({ databaseRole }) => databaseRole)],
    redis: [...new Set(redisServers.flatMap(aclUsers))],
    serviceKeys: services.filter(({ calls }) => calls !== undefined).map(({ name }) => name),
    words: services.flatMap(({ words }) => Object.values(words ?? {})),
  });
  const databaseUrl = (login: string): string =>
    `postgres://${login}:${secrets.postgres[login]}@postgres:5432/${databaseName}`;
  const redisUrl = (server: RedisServer, user: string): string =>
    `redis://${user}:${secrets.redis[user]}@${server}-redis:6379`;
  const roles = services.map(({ databaseRole }) => [databaseRole, secrets.postgres[databaseRole]]);

  const files: Record<string, string> = {
    'postgres-password': secrets.postgres[superuser] ?? '',
    'owner-database-url': databaseUrl(superuser),
    'logins.json': JSON.stringify(Object.fromEntries(roles)),
    'service-jwks.json': JSON.stringify(publicKeys(secrets)),
  };
  for (const server of redisServers) files[`${server}-users.acl`] = aclFile(server, secrets.redis);
  for (const { name, databaseRole, usesCacheRedis, usesStateRedis, calls, words } of services) {
    files[`${name}-database-url`] = databaseUrl(databaseRole);
    if (usesCacheRedis) files[`${name}-cache-redis-url`] = redisUrl('cache', name);
    if (usesStateRedis) files[`${name}-state-redis-url`] = redisUrl('state', name);
    if (calls !== undefined) files[`${name}-key.json`] = JSON.stringify(secrets.serviceKeys[name]);
    for (const word of Object.values(words ?? {})) files[word] = secrets.words[word] ?? '';
  }
  for (const [name, content] of Object.entries(files))
    await writeFile(join(folder, name), content, { mode: 0o644 });
  return Object.keys(files);
}
