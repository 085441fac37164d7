/**
 * `npm run secrets`: writes the files in `.stack/compose/` that docker-compose.yml mounts. They come from the same
 * tables as the local stack: the same roles, ACL users and keys.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServiceEntry } from '../service-table.ts';
import { clusterUrl } from '../stores/cluster.ts';
import { databaseName, superuser } from '../stores/postgres.ts';
import { aclFile, operator, redisServers, type RedisServer } from '../stores/redis-acl.ts';
import { loadOrCreateSecrets, publicKeys, type Secrets } from './secrets.ts';

export const composeFolderName = 'compose';
export const composeSecretsFile = 'secrets.json';
/** The services of docker-compose.yml that are a cluster. */
const cacheNodes = [1, 2, 3, 4, 5, 6].map((n) => `cache-redis-${n}:6379`);

/**
 * @param cluster the services get the addresses of the cluster as their cache
 * @returns the names of the files. A file that was there keeps its password.
 */
export async function writeComposeSecrets(
  folder: string,
  services: readonly ServiceEntry[],
  { cluster = false }: { readonly cluster?: boolean } = {},
): Promise<readonly string[]> {
  const secrets = await loadDeploymentSecrets(folder, services);
  const files = composeFiles(secrets, services, cluster ? cacheNodes : []);
  for (const [name, content] of Object.entries(files))
    await writeFile(join(folder, name), content, { mode: 0o644 });
  return Object.keys(files);
}

/** The passwords and keys of one deployment, drawn at the first call. */
export async function loadDeploymentSecrets(
  folder: string,
  services: readonly ServiceEntry[],
): Promise<Secrets> {
  // Only this user may enter the folder. Inside, everybody may read: Docker mounts the files as they are, and the
  // users in the containers are not ours.
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return loadOrCreateSecrets(join(folder, composeSecretsFile), services);
}

/**
 * By file name, the content of each secret file of a deployment.
 *
 * @param nodes the addresses of the cluster that is the cache; none for a single server
 */
export function composeFiles(
  secrets: Secrets,
  services: readonly ServiceEntry[],
  nodes: readonly string[],
): Record<string, string> {
  const databaseUrl = (login: string): string =>
    `postgres://${login}:${secrets.postgres[login]}@postgres:5432/${databaseName}`;
  const redisUrl = (server: RedisServer, user: string): string =>
    `redis://${user}:${secrets.redis[user]}@${server}-redis:6379`;
  const cacheUrl = (user: string): string =>
    nodes.length === 0 ? redisUrl('cache', user) : clusterUrl(nodes, user, secrets.redis[user] ?? '');
  const roles = services.map(({ databaseRole }) => [databaseRole, secrets.postgres[databaseRole]]);

  const files: Record<string, string> = {
    'postgres-password': secrets.postgres[superuser] ?? '',
    'owner-database-url': databaseUrl(superuser),
    'logins.json': JSON.stringify(Object.fromEntries(roles)),
    'service-jwks.json': JSON.stringify(publicKeys(secrets)),
    // For the nodes of a cluster: a replica signs in to its master.
    'cache-operator-password': secrets.redis[operator] ?? '',
    'cache-replication.conf': `masteruser ${operator}\nmasterauth ${secrets.redis[operator]}\n`,
  };
  for (const server of redisServers) files[`${server}-users.acl`] = aclFile(server, secrets.redis);
  for (const { name, databaseRole, usesCacheRedis, usesStateRedis, calls, randomSecrets } of services) {
    files[`${name}-database-url`] = databaseUrl(databaseRole);
    if (usesCacheRedis) files[`${name}-cache-redis-url`] = cacheUrl(name);
    if (usesStateRedis) files[`${name}-state-redis-url`] = redisUrl('state', name);
    if (calls !== undefined) files[`${name}-key.json`] = JSON.stringify(secrets.serviceKeys[name]);
    for (const secret of Object.values(randomSecrets ?? {})) files[secret] = secrets.random[secret] ?? '';
  }
  return files;
}
