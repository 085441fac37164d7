/**
 * `npm run secrets -- --kubernetes`: writes one Secret for each workload of `infra/kubernetes`. They come from the same
 * tables as the local stack and docker-compose.yml.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServiceEntry } from '../service-table.ts';
import { superuser } from '../stores/postgres.ts';
import { composeFiles, loadDeploymentSecrets } from './compose-secrets.ts';

export const kubernetesFolderName = 'kubernetes';
/** JSON, because `kubectl apply` reads it as well as YAML. */
export const kubernetesSecretsFile = 'secrets-to-apply.json';

/** The pods of the overlay `large`. */
const cacheNodes = [0, 1, 2, 3, 4, 5].map((n) => `cache-redis-${n}.cache-redis:6379`);

interface Secret {
  readonly apiVersion: 'v1';
  readonly kind: 'Secret';
  readonly metadata: { readonly name: string; readonly namespace: 'catalog' };
  readonly type: string;
  readonly stringData: Readonly<Record<string, string>>;
}

/**
 * Each service sees its own files only. A file that was there keeps its password.
 *
 * @param cluster as in `writeComposeSecrets`
 */
export async function writeKubernetesSecrets(
  folder: string,
  services: readonly ServiceEntry[],
  { cluster = false }: { readonly cluster?: boolean } = {},
): Promise<readonly Secret[]> {
  const secrets = await loadDeploymentSecrets(folder, services);
  const files = composeFiles(secrets, services, cluster ? cacheNodes : []);
  const text = (name: string): string => files[name] ?? '';
  const ofService = (service: string): Record<string, string> =>
    Object.fromEntries(
      Object.entries(files)
        .filter(([file]) => file.startsWith(`${service}-`))
        .map(([file, content]) => [file.slice(service.length + 1), content]),
    );
  // The Service postgres may lead to a pooler. postgres-direct never does.
  const direct = (url: string): string => url.replace('@postgres:', '@postgres-direct:');
  const standby = (url: string): string => url.replace('@postgres:', '@postgres-standby:');
  const items: readonly Secret[] = [
    ...services.map(({ name }) =>
      secret(name, {
        ...ofService(name),
        'database-direct-url': direct(text(`${name}-database-url`)),
        ...(name === 'catalog-read' && {
          'database-standby-url': standby(text(`${name}-database-url`)),
        }),
        'service-jwks.json': text('service-jwks.json'),
      }),
    ),
    secret('migrate', {
      'owner-database-url': direct(text('owner-database-url')),
      'logins.json': text('logins.json'),
    }),
    secret('cache-redis', {
      'users.acl': text('cache-users.acl'),
      'replication.conf': text('cache-replication.conf'),
      'operator-password': text('cache-operator-password'),
    }),
    secret('state-redis', { 'users.acl': text('state-users.acl') }),
    secret(
      'postgres-superuser',
      { username: superuser, password: text('postgres-password') },
      'kubernetes.io/basic-auth',
    ),
  ];
  const list = { apiVersion: 'v1', kind: 'List', items };
  await writeFile(join(folder, kubernetesSecretsFile), `${JSON.stringify(list, null, 2)}\n`, { mode: 0o600 });
  return items;
}

const secret = (name: string, stringData: Record<string, string>, type = 'Opaque'): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'catalog' },
  type,
  stringData,
});
