/** docker-compose.yml must follow the JSON schema of the Compose specification, and our own rules. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import * as dclint from 'dclint';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const root = resolve(import.meta.dirname, '../..');
const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'compose-schema-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** dclint's own types do not resolve without a bundler. */
const { DCLinter } = dclint as unknown as {
  readonly DCLinter: new (config: object) => {
    lintFiles(
      paths: readonly string[],
      recursive: boolean,
    ): readonly { readonly messages: readonly { readonly rule: string; readonly message: string }[] }[];
  };
};

/** The violations of the schema, which dclint contains. Its own style rules are off. */
function violations(content: string): string[] {
  const file = join(folder, 'docker-compose.yml');
  writeFileSync(file, content);
  const linter = new DCLinter({ rules: {}, quiet: true, debug: false, exclude: [], disableColor: true });
  return linter
    .lintFiles([file], false)
    .flatMap(({ messages }) => messages)
    .filter(({ rule }) => rule.startsWith('invalid-'))
    .map(({ message }) => message);
}

interface Service {
  readonly image: string;
  readonly build?: { readonly dockerfile: string; readonly args: Readonly<Record<string, string>> };
  readonly ports?: readonly string[];
  readonly networks: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: object;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly deploy: { readonly resources: { readonly limits: Readonly<Record<string, unknown>> } };
}

const { services, networks } = parse(text, { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
};
const all = Object.entries(services);
const ours = all.filter(([, { build }]) => build !== undefined);

test('the file follows the Compose specification', () => {
  expect(violations(text)).toEqual([]);
});

test.each([
  ['an unknown key', (good: string) => good.replace('restart: unless-stopped', 'restarts: unless-stopped')],
  ['a wrong type', (good: string) => good.replace('read_only: true', 'read_only: [1]')],
  ['a secret without a place', (good: string) => good.replace(/\{ file: [^}]*\}/, '{ files: x }')],
])('the check finds %s', (_name, spoil) => {
  expect(spoil(text)).not.toBe(text);
  expect(violations(spoil(text))).not.toEqual([]);
});

describe.each(all)('%s', (_name, service) => {
  test('has limits and listens on this machine only', () => {
    expect(Object.keys(service.deploy.resources.limits).sort()).toEqual(['cpus', 'memory', 'pids']);
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  test('has no secret in its environment', () => {
    const exposed = Object.entries(service.environment ?? {}).filter(
      ([variable, value]) =>
        /PASSWORD|SECRET|DATABASE_URL|REDIS_URL|LOGINS|KEY/.test(variable) &&
        !value.startsWith('/run/secrets/'),
    );
    expect(exposed).toEqual([]);
  });

  test('has a health check', () => {
    // The images of our services contain their health check.
    expect(service.healthcheck !== undefined || service.build !== undefined).toBe(true);
  });
});

test('the stores are on an internal network without ports', () => {
  expect(networks['stores']?.internal).toBe(true);
  for (const name of ['postgres', 'cache-redis', 'state-redis']) {
    expect(services[name]?.networks).toEqual(['stores']);
    expect(services[name]?.ports).toBeUndefined();
  }
});

test.each(ours)(
  '%s uses the one Dockerfile, a read-only file system and no capabilities',
  (_name, service) => {
    expect(service.build?.dockerfile).toBe('infra/Dockerfile');
    expect(service.image).toBe(`catalog/${service.build?.args['APP']}`);
    expect([service.read_only, service.cap_drop]).toEqual([true, ['ALL']]);
  },
);

test('the manifests of the image contain production dependencies only', () => {
  const script = join(root, 'infra/image/production-manifests.mjs');
  const to = join(folder, 'manifests');
  execFileSync(process.execPath, [script, root, to]);
  const files = readdirSync(to, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(new Set(files.map(({ name }) => name))).toEqual(
    new Set(['package.json', 'package-lock.json', '.npmrc']),
  );
  expect(files.length).toBeGreaterThan(10);
  for (const { name, parentPath } of files.filter((file) => file.name === 'package.json'))
    expect(readFileSync(join(parentPath, name), 'utf8')).not.toContain('devDependencies');
});

describe('the Dockerfile', () => {
  const dockerfile = readFileSync(join(root, 'infra/Dockerfile'), 'utf8');

  test('uses the Node version of package.json', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      devDependencies: Record<string, string>;
    };
    expect(/^ARG NODE=(.+)$/m.exec(dockerfile)?.[1]).toBe(devDependencies['node']);
  });

  test('installs for production, runs no package script, and does not run as root', () => {
    expect(dockerfile).toContain('npm ci --omit=dev --ignore-scripts');
    expect(dockerfile.lastIndexOf('USER node')).toBeGreaterThan(dockerfile.lastIndexOf('FROM'));
    expect(dockerfile).toMatch(/^HEALTHCHECK /m);
  });
});
