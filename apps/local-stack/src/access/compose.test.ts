/** docker-compose.yml must agree with the tables of the local stack. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterAddress } from '@catalog/redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { repositoryRoot } from '../machine/stack-folder.ts';
import { portsFrom } from '../machine/ports.ts';
import { services } from '../service-table.ts';
import { composeSecretsFile, writeComposeSecrets } from './compose-secrets.ts';

interface ComposeService {
  readonly environment?: Readonly<Record<string, string>>;
  readonly profiles?: readonly string[];
  readonly command?: readonly string[];
  readonly secrets?: readonly string[];
  readonly build?: { readonly args: Readonly<Record<string, string>> };
  readonly ports?: readonly string[];
}

const compose = parse(readFileSync(join(repositoryRoot, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
};

const folder = join(mkdtempSync(join(tmpdir(), 'compose-')), 'compose');
let written: readonly string[] = [];
beforeAll(async () => {
  written = await writeComposeSecrets(folder, services);
});
afterAll(() => rmSync(join(folder, '..'), { recursive: true }));

const contentOf = (name: string): string => readFileSync(join(folder, name), 'utf8');

test('every file that compose mounts is written, and no other', () => {
  const mounted = Object.entries(compose.secrets);
  expect(mounted.map(([name]) => name).sort()).toEqual([...written].sort());
  for (const [name, { file }] of mounted) expect(file).toBe(`.stack/compose/${name}`);
});

test('only this user can reach the files, and a second run changes nothing', async () => {
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(statSync(join(folder, composeSecretsFile)).mode & 0o777).toBe(0o600);
  const before = readdirSync(folder).map((name) => [name, contentOf(name)]);
  await writeComposeSecrets(folder, services);
  expect(readdirSync(folder).map((name) => [name, contentOf(name)])).toEqual(before);
});

test('catalog-read runs with the same memory of Node in each deployment', () => {
  const option = services.find(({ name }) => name === 'catalog-read')?.env['NODE_OPTIONS'];
  expect(option).toMatch(/^--max-semi-space-size=/);
  expect(compose.services['catalog-read']?.environment?.['NODE_OPTIONS']).toBe(option);
  const manifest = readFileSync(join(repositoryRoot, 'infra/kubernetes/base/catalog-read.yaml'), 'utf8');
  expect(manifest).toContain(`{ name: NODE_OPTIONS, value: ${option} }`);
});

test('each service gets only the secrets that its variables name', () => {
  // The Redis servers name their secret on the command line.
  const ours = Object.entries(compose.services).filter(([, { environment }]) => environment !== undefined);
  expect(ours.map(([name]) => name)).toEqual(expect.arrayContaining(services.map(({ name }) => name)));
  const mounted = ours.map(([name, { secrets = [] }]) => [name, [...secrets].sort()]);
  const named = ours.map(([name, { environment }]) => [
    name,
    Object.values(environment ?? {})
      .flatMap((value) => /^\/run\/secrets\/(.+)$/.exec(value)?.[1] ?? [])
      .sort(),
  ]);
  expect(mounted).toEqual(named);
});

test.each(services)('$name runs as in the local stack: its own role, ACL user, port, keys', (service) => {
  const { environment = {}, build, ports } = compose.services[service.name] ?? {};
  const read = (variable: string): string =>
    contentOf((environment[`${variable}_FILE`] ?? environment[variable] ?? '').replace('/run/secrets/', ''));
  expect(build?.args['APP']).toBe(service.name);
  expect(build?.args['MAIN'] ?? 'src/main.ts').toBe(service.main ?? 'src/main.ts');
  const port = portsFrom(4000)[service.name];
  expect(environment['PORT']).toBe(String(port));
  expect(ports).toEqual([`127.0.0.1:${port}:${port}`]);
  expect(new URL(read('DATABASE_URL'))).toMatchObject({
    username: service.databaseRole,
    host: 'postgres:5432',
    pathname: '/catalog',
  });
  const logins = JSON.parse(contentOf('logins.json')) as Record<string, string>;
  expect(new URL(read('DATABASE_URL')).password).toBe(logins[service.databaseRole]);
  for (const [server, used] of [
    ['cache', service.usesCacheRedis],
    ['state', service.usesStateRedis],
  ] as const) {
    const variable = `${server.toUpperCase()}_REDIS_URL`;
    if (used)
      expect(new URL(read(variable))).toMatchObject({ username: service.name, hostname: `${server}-redis` });
    else expect(environment).not.toHaveProperty(`${variable}_FILE`);
    expect(contentOf(`${server}-users.acl`).includes(`user ${service.name} `)).toBe(used);
  }
  for (const called of service.calls ?? [])
    expect(environment[`${called.toUpperCase().replaceAll('-', '_')}_URL`]).toBe(
      `http://${called}:${portsFrom(4000)[called]}`,
    );
  if (service.calls !== undefined) {
    const { kid } = JSON.parse(read('SERVICE_KEY_FILE')) as { kid: string };
    expect(contentOf('service-jwks.json')).toContain(kid);
  }
  for (const variable of Object.keys(service.randomSecrets ?? {}))
    expect(read(variable)).toMatch(/^[\w-]{32}$/);
});

describe('with --cluster', () => {
  const inProfile = Object.entries(compose.services).filter(([, { profiles }]) =>
    profiles?.includes('cluster'),
  );
  const nodes = inProfile.map(([name]) => name).filter((name) => name.startsWith('cache-redis-'));
  beforeAll(() => writeComposeSecrets(folder, services, { cluster: true }));
  afterAll(() => writeComposeSecrets(folder, services));

  test('each service gets the addresses of all nodes of the profile', () => {
    expect(nodes).toHaveLength(6);
    for (const { name } of services.filter(({ usesCacheRedis }) => usesCacheRedis)) {
      const address = clusterAddress(contentOf(`${name}-cache-redis-url`));
      expect(address?.username).toBe(name);
      expect(address?.nodes).toEqual(nodes.map((host) => ({ host, port: 6379 })));
    }
  });

  test('all nodes become a cluster, and replicas may sign in to their masters', () => {
    const { command = [], secrets = [] } = compose.services['cache-cluster'] ?? {};
    expect(command.join(' ')).toContain(nodes.map((node) => `${node}:6379`).join(' '));
    const password = contentOf('cache-operator-password');
    expect(secrets).toEqual(['cache-operator-password']);
    expect(contentOf('cache-replication.conf')).toBe(`masteruser operator\nmasterauth ${password}\n`);
    const hash = createHash('sha256').update(password).digest('hex');
    expect(contentOf('cache-users.acl')).toContain(`user operator reset on #${hash} ~* &* +@all`);
    for (const node of nodes)
      expect(compose.services[node]?.secrets).toEqual(['cache-users.acl', 'cache-replication.conf']);
  });
});
