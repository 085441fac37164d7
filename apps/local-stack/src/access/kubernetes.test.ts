/** infra/kubernetes must agree with the tables of the local stack. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterAddress } from '@catalog/redis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { repositoryRoot } from '../machine/stack-folder.ts';
import { services } from '../service-table.ts';
import { kubernetesSecretsFile, writeKubernetesSecrets } from './kubernetes-secrets.ts';

interface Deployment {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly {
          readonly image: string;
          readonly env: readonly { readonly name: string; readonly value: string }[];
        }[];
        readonly volumes: readonly { readonly secret?: { readonly secretName: string } }[];
      };
    };
  };
}

const folder = join(mkdtempSync(join(tmpdir(), 'kubernetes-')), 'kubernetes');
let secrets: Readonly<Record<string, Readonly<Record<string, string>>>> = {};
beforeAll(async () => {
  const written = await writeKubernetesSecrets(folder, services);
  secrets = Object.fromEntries(written.map(({ metadata, stringData }) => [metadata.name, stringData]));
});
afterAll(() => rmSync(join(folder, '..'), { recursive: true }));

function podOf(workload: string) {
  const text = readFileSync(join(repositoryRoot, 'infra/kubernetes/base', `${workload}.yaml`), 'utf8');
  const [deployment] = parseAllDocuments(text).map((document) => document.toJS() as Deployment);
  if (deployment === undefined) throw new Error(`${workload}.yaml is empty`);
  const { containers, volumes } = deployment.spec.template.spec;
  const environment = Object.fromEntries((containers[0]?.env ?? []).map(({ name, value }) => [name, value]));
  const mounted = volumes.flatMap(({ secret }) => secret?.secretName ?? []);
  return { environment, mounted, image: containers[0]?.image };
}

test('only this user can read the secrets, and a second run changes nothing', async () => {
  const file = join(folder, kubernetesSecretsFile);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const before = readFileSync(file, 'utf8');
  await writeKubernetesSecrets(folder, services);
  expect(readFileSync(file, 'utf8')).toBe(before);
});

test.each([...services.map(({ name }) => name), 'migrate'])(
  '%s mounts its own secret, and each of its variables names a file in it',
  (workload) => {
    const { environment, mounted } = podOf(workload);
    expect(mounted).toEqual([workload]);
    const named = Object.values(environment).flatMap(
      (value) => /^\/run\/secrets\/(.+)$/.exec(value)?.[1] ?? [],
    );
    expect(named.length).toBeGreaterThan(1);
    const unnamed = Object.keys(secrets[workload] ?? {}).filter((file) => !named.includes(file));
    // The console checks no tokens, because people sign in to it.
    expect(unnamed).toEqual(workload === 'console' ? ['service-jwks.json'] : []);
    for (const file of named) expect(secrets[workload], file).toHaveProperty([file]);
  },
);

test.each(services)('$name runs as in the local stack: its own role, ACL user, keys', (service) => {
  const { environment, image } = podOf(service.name);
  const read = (variable: string): string =>
    secrets[service.name]?.[(environment[`${variable}_FILE`] ?? '').replace('/run/secrets/', '')] ?? '';
  expect(image).toBe(`catalog/${service.name}`);
  expect(new URL(read('DATABASE_URL'))).toMatchObject({
    username: service.databaseRole,
    host: 'postgres:5432',
  });
  expect(new URL(read('DATABASE_DIRECT_URL'))).toMatchObject({
    username: service.databaseRole,
    host: 'postgres-direct:5432',
  });
  for (const [server, used] of [
    ['cache', service.usesCacheRedis],
    ['state', service.usesStateRedis],
  ] as const) {
    const variable = `${server.toUpperCase()}_REDIS_URL`;
    if (used)
      expect(new URL(read(variable))).toMatchObject({ username: service.name, hostname: `${server}-redis` });
    else expect(environment).not.toHaveProperty(`${variable}_FILE`);
    expect(secrets[`${server}-redis`]?.['users.acl']?.includes(`user ${service.name} `)).toBe(used);
  }
  for (const called of service.calls ?? [])
    expect(environment[`${called.toUpperCase().replaceAll('-', '_')}_URL`]).toBe(`http://${called}`);
  for (const variable of Object.keys(service.randomSecrets ?? {}))
    expect(read(variable)).toMatch(/^[\w-]{32}$/);
});

test('with --cluster each service gets the addresses of all pods of the overlay large', async () => {
  const pods = [0, 1, 2, 3, 4, 5].map((n) => `cache-redis-${n}.cache-redis`);
  const text = readFileSync(join(repositoryRoot, 'infra/kubernetes/large/cache-cluster.yaml'), 'utf8');
  expect(text.match(/cache-redis-\d\.cache-redis:6379/g)).toEqual(pods.map((pod) => `${pod}:6379`));
  const written = await writeKubernetesSecrets(folder, services, { cluster: true });
  for (const { name } of services.filter(({ usesCacheRedis }) => usesCacheRedis)) {
    const secret = written.find(({ metadata }) => metadata.name === name);
    const address = clusterAddress(secret?.stringData['cache-redis-url'] ?? '');
    expect(address?.username).toBe(name);
    expect(address?.nodes).toEqual(pods.map((host) => ({ host, port: 6379 })));
  }
  const nodes = written.find(({ metadata }) => metadata.name === 'cache-redis')?.stringData;
  expect(nodes?.['replication.conf']).toContain(`masterauth ${nodes?.['operator-password']}`);
});
